"""A well-behaved caller is served while somebody attacks; in full size: bench/results/attacks.md."""

import asyncio
import resource
from pathlib import Path

import pytest

from tests.attacks.cases import Attack, attacks
from tests.attacks.measure import run
from tests.support.backends import running_backend
from tests.support.processes import REQUEST, running_quotad, write_config
from tests.support.servers import StoreServer
from tests.support.storm import exchange
from tests.support.tls import make_papers
from tests.support.waiting import AT_MOST_S

SHORT = attacks(many=400, busy=40)


@pytest.mark.parametrize("attack", SHORT, ids=[attack.what for attack in SHORT])
async def test_a_well_behaved_caller_is_served(
    attack: Attack, tmp_path: Path, store_server: StoreServer
) -> None:
    """Each of its requests is answered as if nobody else were there; what the attacker holds is bounded."""
    seen = await run(attack, tmp_path, store_server.url, make_papers(tmp_path), requests=30)
    assert seen.statuses == {200}
    settings = dict(attack.listen)
    held = attack.connections if attack.held else 0
    assert seen.held <= min(
        held, settings.get("maxConnectionsPerAddress", held), settings.get("maxConnections", held)
    )
    if "authFailures" in settings:
        # 50 at once, and one a second.
        assert seen.attacker_got[401] <= 50 + 1 + seen.lasted_s
        assert seen.attacker_got[429] > 0


async def test_descriptors_run_out(tmp_path: Path, store_server: StoreServer) -> None:
    """Who is connected is served on, and nothing is stuck: with room again newcomers are served too."""
    async with running_backend() as backend:
        config = write_config(tmp_path / "q.yaml", {"url": store_server.url}, backend.port, {})
        async with running_quotad(config) as (quotad,):
            pid, port = quotad.process.pid, quotad.ports["listen"]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert (await exchange(reader, writer, REQUEST))[0] == 200
            limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            in_use = len(list(Path(f"/proc/{pid}/fd").iterdir()))
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (in_use, limits[1]))
            for _ in range(3):
                shed = await asyncio.gather(*(is_shed(port) for _ in range(50)))
                assert all(shed)
                assert (await exchange(reader, writer, REQUEST))[0] == 200
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
            new_reader, new_writer = await asyncio.open_connection("127.0.0.1", port)
            assert (await exchange(new_reader, new_writer, REQUEST))[0] == 200
            for each in (writer, new_writer):
                each.close()


async def is_shed(port: int) -> bool:
    """Whether a newcomer is sent away at once."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        try:
            async with asyncio.timeout(AT_MOST_S):
                return await reader.read() == b""
        finally:
            writer.close()
    except ConnectionError:
        return True
