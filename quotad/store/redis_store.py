"""The store on one Redis server: whatever is submitted in one tick is one script call, one write."""

import asyncio
import os
from collections.abc import Sequence

import hiredis

from quotad.clock import monotonic_s
from quotad.config.model import StoreConfig
from quotad.core.plans import Subject
from quotad.core.quota import Answer, Call, Usage
from quotad.errors import StoreError
from quotad.store import scripts, topology
from quotad.store.codec import unpack_answer, unpack_usage
from quotad.store.endpoint import Endpoint
from quotad.store.handshake import Replies
from quotad.store.interface import Batch
from quotad.store.link import Link, LinkOptions
from quotad.store.payload import PayloadBuilder
from quotad.store.resp import RENEWING, fault
from quotad.store.stats import StoreStats
from quotad.store.wire import report

SUBJECTS_PER_CALL = 64
"""A script call of more Subjects would hold up the server's other clients for milliseconds."""

_UNFIT = frozenset({"noauth", "noperm", "unfit", "wrongpass"})
"""What waiting does not mend. On a later connect they are awaited all the same: somebody may mend them."""
_USAGE_S = 2.0


class RedisStore:
    """``store.interface.Store`` on a standalone server. ``stats`` is for metrics.

    Made and used on one event loop, from its thread only. ``sidecar_id`` names this process start:
    8 random bytes. Raises ValueError when the URL is none of redis://, rediss:// and unix://.
    """

    def __init__(self, url: str, config: StoreConfig, sidecar_id: bytes) -> None:
        self.stats = StoreStats(scripts.VERBS)
        self._loop = asyncio.get_running_loop()
        self._endpoint = topology.parse(url)
        self._allow_eviction = config.allow_eviction
        self._scripts = scripts.load_all()
        self._payloads = PayloadBuilder(config.namespace, sidecar_id, round(config.hold_s * 1e6))
        options = LinkOptions(
            deadline_s=config.deadline_s,
            scripts=tuple(script.text for script in self._scripts.values()),
            inspect=self._inspect,
            stuck_s=max(1.0, 2 * config.deadline_s),
        )
        self._link = Link(self._loop, self._locate, options)
        self.facts: topology.Facts | None = None
        """What the server said of itself at the latest connect."""
        self._asking: list[Batch] = []
        self._settling: list[Batch] = []

    @classmethod
    def from_url(cls, url: str, namespace: str = "quotad") -> "RedisStore":
        """A store with every default, as a Sidecar of its own."""
        return cls(url, StoreConfig(url=url, namespace=namespace), os.urandom(8))

    @property
    def connected(self) -> bool:
        """Whether calls can go out now."""
        return self._link.ready

    @property
    def reconnects(self) -> int:
        """How many connections were made after the first."""
        return self._link.reconnects

    def now_us(self) -> int | None:
        """See ``Store.now_us``."""
        return self._link.now_us()

    async def start(self) -> None:
        """See ``Store.start``. Ends when the first attempt to connect has."""
        self._link.start()
        await self._link.wait_attempt()
        error = self._link.last_error
        if error is not None and error.kind in _UNFIT:
            await self._link.close()
            raise error

    async def close(self) -> None:
        """See ``Store.close``."""
        self._send_tick()
        await self._link.close()

    def submit(self, batch: Batch, settle_only: bool = False) -> None:
        """See ``Store.submit``."""
        if not (self._asking or self._settling):
            self._loop.call_soon(self._send_tick)
        (self._settling if settle_only else self._asking).append(batch)

    def _send_tick(self) -> None:
        asking, self._asking = self._asking, []
        settling, self._settling = self._settling, []
        if asking:
            self._post("reserve", asking)
        if settling:
            self._post("settle", settling)
        self._link.flush()

    def _post(self, verb: str, batches: list[Batch]) -> None:
        flight = Flight(self, verb)
        for batch in batches:
            ticket = Ticket(batch, self._loop)
            for place, call in enumerate(batch.calls):
                try:
                    keys = self._payloads.keys(call.subject)
                except ValueError as error:
                    ticket.answer(place, StoreError("script", str(error), executed=False))
                    continue
                if len(flight.calls) == SUBJECTS_PER_CALL:
                    self._launch(flight)
                    flight = Flight(self, verb)
                flight.add(ticket, place, call, keys)
            ticket.hand_over_if_complete()
        if flight.calls:
            self._launch(flight)

    def _launch(self, flight: "Flight") -> None:
        payload = self._payloads.decide(self._scripts[flight.verb].sha, flight.calls, flight.keys)
        self._link.post(payload, flight)

    async def usage(self, subjects: Sequence[Subject]) -> list[Usage]:
        """See ``Store.usage``."""
        chunks = [
            subjects[start : start + SUBJECTS_PER_CALL]
            for start in range(0, len(subjects), SUBJECTS_PER_CALL)
        ]
        if not chunks:
            return []
        script = self._scripts["usage"]
        replies = Replies(self._loop, len(chunks))
        begun_s = monotonic_s()
        for chunk in chunks:
            self._link.send(self._payloads.usage(script.sha, chunk), replies)
        found: list[Usage] = []
        try:
            answers = await asyncio.wait_for(replies.all, _USAGE_S)
        except TimeoutError:
            raise StoreError("deadline", "the store did not say what is in use", executed=None) from None
        for chunk, reply in zip(chunks, answers, strict=True):
            items = reply if isinstance(reply, list) else [reply]
            if len(items) != len(chunk) and not isinstance(reply, StoreError):
                raise _unreadable()
            found += [self._read_usage(item) for item in items]
        self.stats.answered("usage", len(subjects), monotonic_s() - begun_s)
        return found

    def _read_usage(self, item: object) -> Usage:
        if isinstance(item, bytes):
            return unpack_usage(item)
        error = self.understand(item)
        self.stats.failed(error.kind)
        raise error

    def understand(self, item: object) -> StoreError:
        """What stands in the place of an answer; a server that only refuses is left for another."""
        if isinstance(item, StoreError):
            return item
        if not isinstance(item, hiredis.ReplyError):
            return _unreadable()
        error = fault(item)
        if error.kind in RENEWING:
            self._link.renew(error.kind)
        return error

    def distrust(self) -> None:
        """The server said what it cannot mean: connect anew."""
        self._link.renew("protocol")

    def _inspect(self, endpoint: Endpoint, info: bytes) -> None:
        self.facts = topology.judge(endpoint, info, self._allow_eviction)

    async def _locate(self) -> Endpoint:
        return self._endpoint


_PENDING = StoreError("reply", "no answer yet")


class Ticket:
    """A Batch while its answers come in, from one script call or several."""

    __slots__ = ("_answers", "_late", "_loop", "_missing", "batch")

    def __init__(self, batch: Batch, loop: asyncio.AbstractEventLoop) -> None:
        self.batch = batch
        self._loop = loop
        self._missing = len(batch.calls)
        self._answers: list[Answer | StoreError] = [_PENDING] * self._missing
        self._late = False

    def answer(self, place: int, answer: Answer | StoreError) -> None:
        """The answer to the Call at this place."""
        self._answers[place] = answer
        self._missing -= 1

    def hand_over_if_complete(self) -> None:
        """For a Batch in which no Call goes out: it hears so, but not before ``submit`` returned."""
        if not self._missing:
            self._loop.call_soon(self.hand_over)

    def late(self) -> None:
        """A script call that carries a part of the Batch missed its deadline."""
        if self._late or not self._missing:
            return
        self._late = True
        try:
            self.batch.late()
        except Exception as error:  # noqa: BLE001 - one broken Batch must not take the news of others
            report(self._loop, error)

    def settle(self) -> None:
        """After answers: hand them over when they are complete."""
        if not self._missing:
            self.hand_over()

    def hand_over(self) -> None:
        """Tell the Batch."""
        try:
            self.batch.done(self._answers)
        except Exception as error:  # noqa: BLE001 - as in late
            report(self._loop, error)


class Flight:
    """One script call on its way (``wire.Sink``): which answer belongs to which Batch."""

    __slots__ = ("_begun_s", "_store", "_tickets", "calls", "keys", "verb")

    def __init__(self, store: RedisStore, verb: str) -> None:
        self.verb = verb
        self.calls: list[Call] = []
        self.keys: list[bytes] = []
        self._tickets: list[tuple[Ticket, int]] = []
        self._store = store
        self._begun_s = monotonic_s()

    def add(self, ticket: Ticket, place: int, call: Call, keys: bytes) -> None:
        """Take one Call of a Batch along."""
        self.calls.append(call)
        self.keys.append(keys)
        self._tickets.append((ticket, place))

    def on_reply(self, reply: object) -> None:
        """One item per Subject, each read on its own."""
        store = self._store
        if not isinstance(reply, list) or len(reply) != len(self.calls):
            # Perhaps another call's reply: none that follows on this connection can be trusted.
            store.distrust()
            self.on_failed(_unreadable())
            return
        store.stats.answered(self.verb, len(reply), monotonic_s() - self._begun_s)
        for (ticket, place), item in zip(self._tickets, reply, strict=True):
            ticket.answer(place, self._read(item))
        self._hand_over()

    def _read(self, item: object) -> Answer | StoreError:
        try:
            if type(item) is bytes:
                return unpack_answer(item)
            error = self._store.understand(item)
        except StoreError as unreadable:
            error = unreadable
        self._store.stats.failed(error.kind)
        return error

    def on_late(self) -> None:
        """Every Batch in it hears so once."""
        self._store.stats.failed("late")
        for ticket, _ in self._tickets:
            ticket.late()

    def on_failed(self, error: StoreError) -> None:
        """Every Call in it failed alike."""
        self._store.stats.failed(error.kind)
        for ticket, place in self._tickets:
            ticket.answer(place, error)
        self._hand_over()

    def _hand_over(self) -> None:
        previous: Ticket | None = None
        for ticket, _ in self._tickets:
            if ticket is not previous:
                previous = ticket
                ticket.settle()


def _unreadable() -> StoreError:
    return StoreError("reply", "the store's answer cannot be read", executed=None)
