from typing import Any

import pytest

from quotad.catalog.vault import Vault
from quotad.controlplane.dialects.key_pairs import StoredKeyPairs
from quotad.controlplane.operations import Operations
from quotad.store.control import Write
from tests.support.control import committed, control_store
from tests.support.desk import MASTER
from tests.support.servers import StoreServer


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({}, True),
        ({"expires": 2**52}, True),
        ({"expires": 1}, False),
        ({"enabled": False}, False),
        ({"type": "token"}, False),
    ],
)
async def test_which_may_be_used(store_server: StoreServer, more: dict[str, Any], found: bool) -> None:
    """A key pair that is enabled and has not expired, with its key in clear; no token, nothing unknown."""
    vault = Vault(MASTER)
    async with control_store(store_server.url) as control:
        record = {
            "id": "AKIDroot",
            "type": "keyPair",
            "name": "root",
            "role": "admin",
            "secretKey": vault.seal("AKIDroot", b"the-key-itself"),
            "enabled": True,
            "expires": None,
            **more,
        }
        await committed(control, Write("credential", "AKIDroot", record))
        pairs = StoredKeyPairs(Operations(control, vault), vault)
        pair = await pairs.key_pair("AKIDroot")
        assert (pair is not None) == found
        assert pair is None or (pair.key, pair.role, pair.name) == (b"the-key-itself", "admin", "root")
        assert await pairs.key_pair("AKIDnobody") is None
