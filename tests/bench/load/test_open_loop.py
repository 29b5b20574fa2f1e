"""The load tool of row 8, against real sockets."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench import callers
from bench.errors import BenchError
from bench.load import open_loop
from bench.load.open_loop import Arrivals, Loop, Order, length, share_ms

RATE = 200
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ASKED = [b"GET /1 HTTP/1.1\r\n\r\n", b"GET /2 HTTP/1.1\r\n\r\n"]


class Server:
    """Answers all that waits, in its own thread, whenever ``ready`` says so."""

    def __init__(self, answer: bytes, ready: Callable[[int], bool]) -> None:
        self.heard: list[bytes] = []
        self.port = 0
        self._answer = answer
        self._ready = ready
        self._writers: list[asyncio.StreamWriter] = []
        self._waiting: list[asyncio.StreamWriter] = []
        self._begun = threading.Event()
        self._end = threading.Event()

    @contextmanager
    def running(self) -> Iterator["Server"]:
        """As long as the block."""
        thread = threading.Thread(target=asyncio.run, args=[self._serve()])
        thread.start()
        self._begun.wait()
        try:
            yield self
        finally:
            self._end.set()
            thread.join()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._hear, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._begun.set()
        async with server:
            # Answers go out from here, so that what is waited for may be a fact of the other thread.
            while not self._end.is_set():
                if self._ready(len(self.heard)):
                    waiting, self._waiting = self._waiting, []
                    for writer in waiting:
                        writer.write(self._answer)
                await asyncio.sleep(0.001)
            for writer in self._writers:
                writer.transport.abort()

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        while data := await reader.read(65_536):
            self.heard.append(data)
            self._waiting.append(writer)


def driven(server: Server, connections: int, warm_s: int = 0) -> Arrivals:
    """What a second of it finds."""
    loop = Loop(server.port, ASKED, connections)
    loop.run(RATE, warm_s, 1)
    loop.close()
    return loop.found()


def test_requests_are_sent_when_due_though_none_was_answered() -> None:
    """Fifty arrive before the first answer, and the first one's wait counts from when it was due."""
    with Server(ANSWER, lambda heard: heard >= 50).running() as server:
        found = driven(server, RATE)
    assert (found.requests, found.failed, found.dropped) == (RATE, 0, 0)
    assert found.most_ms >= 49 * 1000 / RATE
    assert server.heard[:4] == ASKED * 2


def test_a_request_that_finds_no_connection_is_told() -> None:
    """It is dropped, and all others are measured."""
    loops: list[Loop] = []
    with Server(ANSWER, lambda heard: bool(loops) and loops[0].dropped > 0).running() as server:
        loops.append(Loop(server.port, ASKED, 2))
        loops[0].run(RATE, 0, 1)
        loops[0].close()
    found = loops[0].found()
    assert found.dropped > 0
    assert found.requests == RATE - found.dropped
    assert found.failed == 0


def test_what_is_sent_to_warm_up_is_not_measured() -> None:
    """Twice as much is heard as is told."""
    with Server(ANSWER, lambda heard: True).running() as server:
        found = driven(server, 2 * RATE, warm_s=1)
    assert found.requests == RATE
    assert len(server.heard) == 2 * RATE


def test_an_answer_that_is_no_success_is_told() -> None:
    """It is a failed one."""
    refusal = b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n"
    with Server(refusal, lambda heard: True).running() as server:
        found = driven(server, RATE)
    assert found.failed == RATE


def test_a_process_of_its_own(tmp_path: Path) -> None:
    """It says when it begins, and tells what it found."""
    with Server(ANSWER, lambda heard: True).running() as server:
        running = open_loop.start(Order(server.port, callers.make(3), RATE, 1, RATE, warm_s=0), tmp_path)
        open_loop.wait_begun(running)
        found = open_loop.result(running)
    assert (found.requests, found.failed, found.dropped) == (RATE, 0, 0)
    assert 0 < found.p50_ms <= found.p90_ms <= found.p99_ms <= found.most_ms


def test_nobody_there_is_an_error(tmp_path: Path) -> None:
    """Not an empty result."""
    with Server(ANSWER, lambda heard: True).running() as server:
        port = server.port
    with pytest.raises(BenchError, match="the load tool failed"):
        open_loop.run(Order(port, callers.make(1), RATE, 1, 1), tmp_path)


def test_the_length_of_a_body() -> None:
    """It is read whatever the case of its name; without one there is no telling where an answer ends."""
    assert length(b"HTTP/1.1 200 OK\r\nA: b\r\ncONTENT-length: 17") == 17
    with pytest.raises(BenchError):
        length(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked")


def test_shares() -> None:
    """So many do not exceed the figure."""
    figures = [1_000_000 * n for n in range(1, 101)]
    assert [share_ms(figures, share) for share in (0.5, 0.99, 1)] == [50, 99, 100]
    assert share_ms([], 0.5) == 0
