"""Script calls on their way, and Batches that need several of them."""

from collections.abc import Sequence
from typing import Protocol

import hiredis

from quotad.clock import monotonic_s
from quotad.core.plans import Subject
from quotad.core.quota import Answer, Call
from quotad.errors import StoreError
from quotad.store.codec import unpack_answer
from quotad.store.interface import Batch
from quotad.store.resp import RENEWING, fault
from quotad.store.route import Route
from quotad.store.stats import StoreStats
from quotad.store.wire import UnreadableError


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

    __slots__ = ("_begun_s", "_listener", "_route", "_stats", "calls", "verb")

    def __init__(
        self, route: Route, stats: StoreStats, verb: str, listener: Listener, calls: Sequence[Call]
    ) -> None:
        self.verb = verb
        self.calls = calls
        self._listener = listener
        self._route = route
        self._stats = stats
        self._begun_s = monotonic_s()

    def on_reply(self, reply: object) -> None:
        """One item per Subject, each read on its own."""
        if not isinstance(reply, list) or len(reply) != len(self.calls):
            self.on_failed(unreadable())
            raise UnreadableError
        self._stats.answered(self.verb, len(reply), monotonic_s() - self._begun_s)
        try:
            answers: list[Answer | StoreError] = [unpack_answer(item) for item in reply]
        except StoreError:
            self._on_mixed(reply)
        else:
            self._listener.done(answers)

    def _on_mixed(self, reply: list[object]) -> None:
        """Not every Subject has an answer."""
        answers = [self._read(place, item) for place, item in enumerate(reply)]
        self._listener.done(answers)
        if any(isinstance(answer, StoreError) and answer.kind == "reply" for answer in answers):
            raise UnreadableError

    def _read(self, place: int, item: object) -> Answer | StoreError:
        try:
            if type(item) is bytes:
                return unpack_answer(item)
            error = understand(self._route, self.calls[place].subject, item)
        except StoreError as problem:
            error = problem
        self._stats.failed(error.kind)
        return error

    def on_late(self) -> None:
        """The deadline passed."""
        self._stats.failed("late")
        self._listener.late()

    def on_failed(self, error: StoreError) -> None:
        """Every Call in it failed alike."""
        self._stats.failed(error.kind)
        self._listener.done([error] * len(self.calls))


def understand(route: Route, subject: Subject, item: object) -> StoreError:
    """What stands in the place of a Subject's answer; a server that only refuses is left for another."""
    if isinstance(item, StoreError):
        return item
    if not isinstance(item, hiredis.ReplyError):
        route.renew(subject, "protocol")
        return unreadable()
    error = fault(item)
    if error.kind in RENEWING:
        route.renew(subject, error.kind)
    return error


def unreadable() -> StoreError:
    """The store answered something else than was asked."""
    return StoreError("reply", "the store's answer cannot be read", executed=None)
