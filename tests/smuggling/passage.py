"""Streams through a real quotad: what it answered, what it counted, and what it sent to its backend."""

import asyncio
import contextlib
import json
import re
import tempfile
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.smuggling.mutants import Stream
from tests.support.backends import read_request
from tests.support.processes import running_quotad
from tests.support.rawhttp import PAIR, SECRET_ID, SECRET_KEY, raw
from tests.support.servers import running_server
from tests.support.waiting import until_true

AT_ONCE = 64
WAIT_MS = 600
"""How long quotad waits for the rest of a request: many mutants have none."""
HANGS_S = 30.0
"""A connection that has not ended by then never will."""

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

_ANSWER = re.compile(rb"HTTP/1\.1 ([0-9]{3}) [^\r]*\r\n(?:[^\r\n]+\r\n)*?X-Request-Id: ([0-9a-f]+)\r\n")


@dataclass(frozen=True)
class Answered:
    """A stream and its answers: status and request id of each."""

    stream: Stream
    answers: tuple[tuple[int, bytes], ...]

    @property
    def accepted(self) -> list[bytes]:
        """The ids of the requests that a backend has answered."""
        return [name for status, name in self.answers if status == 200]


@dataclass
class Recorder:
    """quotad's backend: answers each request, keeps its bytes."""

    port: int = 0
    seen: dict[bytes, bytes] = field(default_factory=dict)
    """By request id: exactly the bytes that quotad wrote."""
    order: list[bytes] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    """What no backend should ever see."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                request = await read_request(reader)
                (name,) = request.values(b"x-request-id")
                if name in self.seen:
                    self.strange.append(f"{name!r} came twice")
                # A second request before the first was answered could only be a smuggled one.
                if reader._buffer:  # type: ignore[attr-defined]
                    self.strange.append(f"behind {name!r}: {bytes(reader._buffer)!r}")  # type: ignore[attr-defined]
                self.seen[name] = request.head + request.body
                self.order.append(name)
                writer.write(OK)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except ValueError as error:
            self.strange.append(str(error))
        finally:
            writer.close()


@dataclass
class Passage:
    """A quotad that runs, between a caller and the Recorder."""

    port: int
    recorder: Recorder
    problems: list[str] = field(default_factory=list)

    async def send(self, streams: Iterable[Stream]) -> list[Answered]:
        """Each stream on a connection of its own, in their order as far as possible."""
        waiting = iter(streams)
        done: list[Answered] = []

        async def sender() -> None:
            # All senders take from the same streams.
            for stream in waiting:
                answered = await self._send(stream)
                done.append(answered)

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(sender())
        return done

    async def _send(self, stream: Stream) -> Answered:
        received = b""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(HANGS_S):
                for piece in stream.pieces:
                    writer.write(piece)
                    await writer.drain()
                    # Each piece is to arrive on its own.
                    await asyncio.sleep(0)
                while data := await reader.read(1 << 16):
                    received += data
        except ConnectionError:
            pass
        except TimeoutError:
            self.problems.append(f"never ended: {stream.data!r}")
        finally:
            writer.close()
        return Answered(stream, tuple((int(status), name) for status, name in _ANSWER.findall(received)))

    async def counted(self) -> int:
        """Units that the store has counted, once none is held any more."""
        rows: list[dict[str, int]] = []

        async def settled() -> bool:
            async with raw(self.port) as caller:
                await caller.send(b"GET /.well-known/quotad/usage HTTP/1.1\r\nHost: a\r\n" + PAIR + b"\r\n")
                answer = await caller.answer()
            if answer.status != 200:
                return False
            rows[:] = json.loads(answer.body)["usage"]
            return all(row["held"] == 0 for row in rows)

        await until_true(settled)
        return sum(row["inUseRequestNum"] for row in rows)


@contextlib.asynccontextmanager
async def running_passage() -> AsyncIterator[Passage]:
    """A store, the Recorder, and ``quotad serve`` before it, which counts answers of 2xx alone."""
    recorder = Recorder()
    backend = await asyncio.start_server(recorder.serve, "127.0.0.1", 0, limit=1 << 20)
    recorder.port = backend.sockets[0].getsockname()[1]
    try:
        with tempfile.TemporaryDirectory() as folder, running_server() as store:
            config = Path(folder) / "quotad.yaml"
            config.write_text(json.dumps(_config(store.url, recorder.port)))
            async with running_quotad(config) as (quotad,):
                yield Passage(quotad.ports["listen"], recorder)
    finally:
        backend.close()


def _config(store: str, backend: int) -> dict[str, object]:
    """One plan without limits, one caller, one route of every path; JSON is YAML."""
    return {
        "listen": {"address": "127.0.0.1:0", "headTimeoutMs": WAIT_MS, "bodyIdleTimeoutMs": WAIT_MS},
        "telemetry": {"address": "127.0.0.1:0", "accessLog": ""},
        "store": {"url": store, "deadlineMs": 5000},
        "routes": [
            {
                "pathPrefix": "/",
                "service": "service-behind01",
                "environment": "release",
                "upstreams": [f"http://127.0.0.1:{backend}"],
            }
        ],
        "services": [{"serviceId": "service-behind01", "serviceName": "behind"}],
        "plans": [
            {"usagePlanId": "usagePlan-only0001", "usagePlanName": "only", "quotaCondition": "2xx"},
        ],
        "secrets": [{"secretName": "caller", "secretId": SECRET_ID, "secretKey": SECRET_KEY}],
        "bindings": [
            {
                "usagePlanId": "usagePlan-only0001",
                "secretIds": [SECRET_ID],
                "environments": [{"service": "service-behind01", "environment": "release"}],
            }
        ],
    }
