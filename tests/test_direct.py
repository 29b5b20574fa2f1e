from pathlib import Path

import pytest

from quotad.config.file import load
from quotad.controlplane.refusal import invalid
from quotad.direct import asker, operations
from quotad.errors import QuotadError
from tests.support.servers import StoreServer
from tests.support.shell import control_file, file_of


async def test_the_control_plane_of_a_command(store_server: StoreServer, tmp_path: Path) -> None:
    """It acts on the store with the configuration's keys, as whoever runs it; refusals are told in words."""
    config = load(control_file(tmp_path, store_server.url))
    async with operations(config) as desk:
        record = await desk.create_secret(asker(), {"secretName": "one"})
        assert await desk.reveal_secret_key(asker(), record["secretId"]) == record["secretKey"]
    assert asker().name.startswith("shell:")
    with pytest.raises(QuotadError, match=r"^rateRps is odd \(invalid_value\)$"):
        async with operations(config):
            raise invalid("rateRps", "is odd")


async def test_file_mode_has_none(tmp_path: Path) -> None:
    """A configuration without a control section is refused."""
    config = load(file_of(tmp_path / "q.yaml", {"store": {"url": "redis://127.0.0.1:9"}}))
    with pytest.raises(QuotadError, match="no control section"):
        async with operations(config):
            pass
