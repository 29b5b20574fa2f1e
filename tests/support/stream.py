"""Calls that keep coming whatever happens to the server, and what each of them heard."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from hashlib import sha1

from quotad.clock import monotonic_s
from quotad.errors import StoreError
from quotad.store.link import Link, LinkOptions
from quotad.store.locator import Locator
from quotad.store.resp import command
from tests.support.waiting import AT_MOST_S, until

SCRIPT = """
local port = string.match(redis.call('INFO', 'server'), 'tcp_port:(%d+)')
return {tonumber(ARGV[1]), redis.call('INCR', KEYS[1]), tonumber(port)}
"""


class Heard:
    """One call: what it was, and its end."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.late = False
        self.count = 0
        """What the script counted up to; 0: no reply."""
        self.port = 0
        """Whose reply it was."""
        self.ended_s = 0.0
        self.error: StoreError | None = None

    def on_reply(self, reply: object) -> None:
        assert isinstance(reply, list)
        number, self.count, self.port = reply
        assert number == self.number
        self.ended_s = monotonic_s()

    def on_late(self) -> None:
        self.late = True

    def on_failed(self, error: StoreError) -> None:
        assert not self.ended_s
        self.error = error
        self.ended_s = monotonic_s()


class Stream:
    """A call every 4 ms. ``calls`` in the order of sending."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.calls: list[Heard] = []

    async def run(self) -> None:
        """Until cancelled."""
        sha = sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()
        while True:
            call = Heard(len(self.calls))
            self.calls.append(call)
            self.link.send(command("EVALSHA", sha, 1, "stream", call.number), call)
            await asyncio.sleep(0.004)

    @property
    def in_time(self) -> list[Heard]:
        """The calls that were answered before their deadline: what a decision may stand on."""
        return [call for call in self.calls if call.count and not call.late]

    def first(self, fits: Callable[[Heard], bool]) -> Heard | None:
        """The first call answered in time that fits."""
        return next((call for call in self.in_time if fits(call)), None)

    async def until(self, fits: Callable[[Heard], bool]) -> Heard:
        """The first call answered in time that fits, past or to come."""
        await until(lambda: self.first(fits) is not None)
        found = self.first(fits)
        assert found is not None
        return found

    @property
    def failures(self) -> Counter[str]:
        """How calls ended that had no reply."""
        return Counter(call.error.kind for call in self.calls if call.error is not None)

    def assert_sound(self) -> None:
        """Every call ended once; each server's counter was told in order, and no number of it twice."""
        assert all(call.ended_s for call in self.calls)
        by_port: dict[int, list[int]] = {}
        for call in self.calls:
            if call.count:
                by_port.setdefault(call.port, []).append(call.count)
        for counts in by_port.values():
            assert counts == sorted(set(counts))


@contextlib.asynccontextmanager
async def streaming(
    locator: Locator, *, deadline_s: float = 0.05, min_replicas: int = 0, stuck_s: float = 1.0
) -> AsyncIterator[Stream]:
    """A stream of calls over a link as a store would have it; all calls have ended afterwards."""
    options = LinkOptions(
        deadline_s=deadline_s,
        scripts=(SCRIPT,),
        doubt=locator.doubt,
        min_replicas=min_replicas,
        stuck_s=stuck_s,
    )
    link = Link(asyncio.get_running_loop(), locator.locate, options)
    stream = Stream(link)
    locator.start(link.confirm)
    link.start()
    task = asyncio.ensure_future(stream.run())
    try:
        assert await link.wait_ready(AT_MOST_S), link.last_error
        yield stream
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await link.close()
        await locator.close()
