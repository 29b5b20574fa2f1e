"""The store on one Redis server: whatever is submitted in one tick is one script call, one write."""

import asyncio
import os
from collections.abc import Sequence
from typing import Protocol

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
        await self._link.close()

    def submit(self, batch: Batch, settle_only: bool = False) -> None:
        """See ``Store.submit``. What asks is written now, with all that was submitted in this tick."""
        verb = "settle" if settle_only else "reserve"
        calls = batch.calls
        try:
            keys = [self._payloads.keys(call.subject) for call in calls]
        except ValueError:
            self._submit_apart(batch, verb)
        else:
            if 0 < len(keys) <= SUBJECTS_PER_CALL:
                self._launch(Flight(self, verb, batch, calls), keys)
            else:
                self._submit_parts(batch, verb, keys)
        if settle_only:
            self._link.flush_soon()
        else:
            self._link.flush()

    def _submit_parts(self, batch: Batch, verb: str, keys: list[bytes]) -> None:
        gathering = Gathering(batch)
        if not keys:
            self._loop.call_soon(batch.done, [])
        for start in range(0, len(keys), SUBJECTS_PER_CALL):
            end = start + SUBJECTS_PER_CALL
            flight = Flight(self, verb, Part(gathering, start), batch.calls[start:end])
            self._launch(flight, keys[start:end])

    def _submit_apart(self, batch: Batch, verb: str) -> None:
        """One of the Subjects can have no key: it answers for itself, each other one is asked alone."""
        gathering = Gathering(batch)
        for place, call in enumerate(batch.calls):
            part = Part(gathering, place)
            try:
                self._launch(Flight(self, verb, part, [call]), [self._payloads.keys(call.subject)])
            except ValueError as error:
                self._loop.call_soon(part.done, [StoreError("script", str(error), executed=False)])

    def _launch(self, flight: "Flight", keys: list[bytes]) -> None:
        payload = self._payloads.decide(self._scripts[flight.verb].sha, flight.calls, keys)
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
            self.stats.failed("deadline")
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


class Listener(Protocol):
    """Who hears of a script call: the Batch itself, or its Part."""

    def late(self) -> None:
        """See ``Batch.late``."""

    def done(self, answers: Sequence[Answer | StoreError]) -> None:
        """See ``Batch.done``."""


class Gathering:
    """A Batch that is too large for one script call, while the answers of its Parts come in."""

    __slots__ = ("_late", "_missing", "answers", "batch")

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.answers: list[Answer | StoreError | None] = [None] * len(batch.calls)
        self._missing = len(batch.calls)
        self._late = False

    def late(self) -> None:
        """A Part missed its deadline; the Batch hears so once."""
        if not self._late:
            self._late = True
            self.batch.late()

    def take(self, start: int, answers: Sequence[Answer | StoreError]) -> None:
        """A Part's answers; the last one's complete the Batch."""
        self.answers[start : start + len(answers)] = answers
        self._missing -= len(answers)
        if not self._missing:
            self.batch.done([answer for answer in self.answers if answer is not None])


class Part:
    """The Calls of a Gathering from ``start`` on, as many as one script call takes."""

    __slots__ = ("_gathering", "_start")

    def __init__(self, gathering: Gathering, start: int) -> None:
        self._gathering = gathering
        self._start = start

    def late(self) -> None:
        """See ``Batch.late``."""
        self._gathering.late()

    def done(self, answers: Sequence[Answer | StoreError]) -> None:
        """See ``Batch.done``."""
        self._gathering.take(self._start, answers)


class Flight:
    """One script call on its way (``wire.Sink``)."""

    __slots__ = ("_begun_s", "_listener", "_store", "calls", "verb")

    def __init__(self, store: RedisStore, verb: str, listener: Listener, calls: Sequence[Call]) -> None:
        self.verb = verb
        self.calls = calls
        self._listener = listener
        self._store = store
        self._begun_s = monotonic_s()

    def on_reply(self, reply: object) -> None:
        """One item per Subject, each read on its own."""
        store = self._store
        if not isinstance(reply, list) or len(reply) != len(self.calls):
            self.on_failed(_unreadable())
            return
        store.stats.answered(self.verb, len(reply), monotonic_s() - self._begun_s)
        try:
            answers: list[Answer | StoreError] = [unpack_answer(item) for item in reply]
        except StoreError:
            answers = [self._read(item) for item in reply]
        self._listener.done(answers)

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
        """The deadline passed."""
        self._store.stats.failed("late")
        self._listener.late()

    def on_failed(self, error: StoreError) -> None:
        """Every Call in it failed alike."""
        self._store.stats.failed(error.kind)
        self._listener.done([error] * len(self.calls))


def _unreadable() -> StoreError:
    return StoreError("reply", "the store's answer cannot be read", executed=None)
