"""The few verbs that the engine asks of a store.

The hot verb is callback-shaped: a Task and a Future per call would cost more than the call itself.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from quotad.core.history import History, Portion
from quotad.core.plans import Subject
from quotad.core.quota import Answer, Call, Replay, Reset, Terms, TopUp, Usage
from quotad.errors import StoreError


class ApisOf(NamedTuple):
    """Single Apis of one service, by id."""

    service_id: str
    api_ids: tuple[str, ...]


NO_APIS = ApisOf("", ())


class Batch(Protocol):
    """Calls that were submitted together, and who wants to hear of them."""

    @property
    def calls(self) -> Sequence[Call]:
        """The Calls, at most one per Subject."""

    def late(self) -> None:
        """The deadline passed without an answer; the calls stay open. At most once, before ``done``."""

    def done(self, answers: Sequence[Answer | StoreError]) -> None:
        """Exactly once, one item per Call in order; after it the store forgets the Batch.

        A StoreError with ``executed`` False grants nothing and never will; with None the call may
        have run or may still run: only the Entry's numbers in a later Answer tell.
        """


class Store(Protocol):
    """Counters of Subjects, decided by one clock: the store's own."""

    def submit(self, batch: Batch, settle_only: bool = False) -> None:
        """Decide all calls of the batch (``reserve``), or only record their numbers (``settle``).

        Returns at once; never calls back before returning. Each Subject is decided on its own:
        one broken Subject answers a StoreError for itself.
        """

    def now_us(self) -> int | None:
        """The store's time as last heard plus what a monotonic clock says has passed since.

        None until the store has been heard. Good for picking windows; never for deciding.
        """

    async def usage(self, subjects: Sequence[Subject]) -> list[Usage]:
        """What each Subject has in use now. Raises StoreError."""

    @property
    def reconnects(self) -> int:
        """How often a connection was made in the place of an earlier one: writes may be lost then."""

    async def replay(self, subject: Subject, terms: Terms, record: Replay, owner: bytes = b"") -> Usage:
        """Count what a process (``owner``; empty: this one) admitted without the store. Raises StoreError.

        Twice is once, and it is never refused: use may exceed a limit then.
        """

    async def adjust(self, subject: Subject, terms: Terms, change: TopUp | Reset) -> Usage:
        """A top-up or a reset of one Subject. Twice is once. Raises StoreError."""

    async def start(self) -> None:
        """Connect, check the server, load the scripts. Raises StoreError when the server is unfit.

        A server that is merely away is no error: it is awaited in the background.
        """

    async def close(self) -> None:
        """Let open calls end within the deadline, then disconnect."""


class Books(Protocol):
    """What is kept of Subjects beside what decides. All of it is off the way of requests."""

    async def history(self, subjects: Sequence[Subject]) -> list[History]:
        """Use of each Subject by day and hour, what goes on now included. Raises StoreError."""

    async def attribute(self, portions: Sequence[Portion]) -> list[StoreError | None]:
        """Add to use per Secret; None: it is counted, once, however often it was sent.

        A Portion that failed may be counted all the same: it must be sent again as it is before the next
        one of its Subject and day. Raises StoreError: so may all of them.
        """

    async def attributed(
        self, subject: Subject, day_ends_us: Sequence[int], secret_id: str = ""
    ) -> dict[int, Mapping[str, int]]:
        """By day: SecretId to units of all Secrets, or of this one. Raises StoreError."""

    async def forget(self, plan_id: str = "", secret_id: str = "", apis: ApisOf = NO_APIS) -> int:
        """Delete all that is kept of a plan, a Secret or Apis; answers how many keys were deleted or changed.

        A Sidecar that still serves it would make it anew. Needs SCAN and UNLINK. Raises StoreError, and
        ValueError when not exactly one of the three is named, or cannot be.
        """
