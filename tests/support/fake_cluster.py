"""Servers that pose as the primaries of a Cluster and otherwise say whatever a test wants."""

import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial

from quotad.store.resp import bulk
from tests.support.fake_server import FakeServer, fake_server

Answer = Callable[[int, list[bytes]], bytes | None]
"""A node's place and a command to what is written for it; None: the connection is broken."""
Share = tuple[int, int, int]
"""First slot, last slot, place of their owner."""


class FakeCluster:
    """``shares``, ``well`` (``cluster_state``) and ``epochs`` may be changed at any time."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.nodes: list[FakeServer] = []
        self.shares: list[Share] = []
        self.well: list[bool] = []
        self.epochs: list[int] = []
        self.surveys = 0

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(map(self.address, range(len(self.nodes))))

    def address(self, place: int) -> str:
        return f"127.0.0.1:{self.nodes[place].port}"

    def heard(self, place: int) -> list[list[bytes]]:
        """The commands that were for the store, not for the topology or the login."""
        own = (b"CLUSTER", b"CLIENT", b"INFO", b"TIME", b"SCRIPT")
        return [command for command in self.nodes[place].commands if command[0] not in own]

    def reply(self, place: int, command: list[bytes]) -> bytes | None:
        if command[0] != b"CLUSTER":
            return self.answer(place, command)
        if command[1] == b"INFO":
            self.surveys += 1
            return bulk(b"cluster_state:ok\r\n" if self.well[place] else b"cluster_state:fail\r\n")
        return self._rows() if command[1] == b"SLOTS" else bulk(self._lines(place))

    def _rows(self) -> bytes:
        rows = [
            b"*3\r\n:%d\r\n:%d\r\n*3\r\n$9\r\n127.0.0.1\r\n:%d\r\n%b"
            % (first, last, self.nodes[owner].port, bulk(b"id%d" % owner))
            for first, last, owner in self.shares
        ]
        return b"*%d\r\n" % len(rows) + b"".join(rows)

    def _lines(self, place: int) -> bytes:
        mine = {place: "myself,"}
        lines = [
            f"id{each} {self.address(each)}@1 {mine.get(each, '')}master - 0 0 {epoch} connected"
            for each, epoch in enumerate(self.epochs)
        ]
        return "\n".join([*lines, ""]).encode()


@contextlib.asynccontextmanager
async def fake_cluster(count: int, answer: Answer) -> AsyncIterator[FakeCluster]:
    """Started nodes; the first owns every slot."""
    cluster = FakeCluster(answer)
    async with contextlib.AsyncExitStack() as stack:
        for place in range(count):
            server = await stack.enter_async_context(fake_server(partial(cluster.reply, place)))
            cluster.nodes.append(server)
        cluster.shares = [(0, 16383, 0)]
        cluster.well = [True] * count
        cluster.epochs = list(range(1, count + 1))
        yield cluster
