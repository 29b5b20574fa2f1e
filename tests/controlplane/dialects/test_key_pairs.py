from typing import Any

import pytest

from quotad.catalog.vault import Vault
from quotad.config.admin_model import AdminKeyPair
from quotad.controlplane.dialects.key_pairs import ConfiguredKeyPairs, StoredKeyPairs
from quotad.controlplane.dialects.signed import KeyPair
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


async def test_those_of_the_file_come_first() -> None:
    """A key pair of the configuration is found by its id, else one of the others, if there are any."""
    mine = AdminKeyPair("ci", "operate", "AKIDci", b"key-of-the-file")
    alone = ConfiguredKeyPairs([mine])
    assert await alone.key_pair("AKIDci") == KeyPair(b"key-of-the-file", "operate", "ci")
    assert await alone.key_pair("AKIDother") is None
    other = ConfiguredKeyPairs(
        [AdminKeyPair("b", "read", each, b"another-key") for each in ("AKIDci", "AKIDb")]
    )
    both = ConfiguredKeyPairs([mine], other)
    assert [pair and pair.name for pair in [await both.key_pair(each) for each in ("AKIDci", "AKIDb")]] == [
        "ci",
        "b",
    ]
    assert b"key-of-the-file".decode() not in repr(mine)
