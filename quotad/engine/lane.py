"""One Subject's queue in this process, and what its units belong to."""

from quotad.core.plans import Subject
from quotad.core.quota import Answer
from quotad.core.verdict import Waiter
from quotad.engine.debts import Debts
from quotad.engine.entries import Entry
from quotad.engine.leases import Stock


class Lane:
    """One Subject's waiting requests, its call in flight, and this process's Entry in it."""

    __slots__ = (
        "asked",
        "asked_before",
        "busy",
        "debts",
        "denied",
        "denied_hits",
        "denied_until_s",
        "dirty",
        "entry",
        "flying",
        "idle_beats",
        "late",
        "leaving",
        "listed",
        "owes_since_s",
        "queued",
        "remembers",
        "retries",
        "sent_s",
        "stock",
        "subject",
        "unsure",
        "waiting",
        "wants",
    )

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.waiting: list[Waiter] = []
        self.entry = Entry()
        self.busy = False
        """A call is in flight."""
        self.late = False
        """The call in flight is past its deadline."""
        self.queued = False
        """It goes out with the present tick."""
        self.dirty = False
        """It holds numbers that the store has not heard."""
        self.listed = False
        """It is among the Lanes whose numbers go out soon even if nobody asks."""
        self.owes_since_s = 0.0
        """Since when (monotonic) it has something to tell that no Answer has confirmed; 0: nothing."""
        self.wants = False
        """Its next call decides although nobody waits: it asks for units ahead, or whether a quota that
        was used up still is."""
        self.remembers = False
        """Its next call says what the store may have forgotten."""
        self.leaving = False
        """Its next call says that its Entry may go, if that only records."""
        self.unsure = False
        """It said so once and was not answered: the Entry may be gone."""
        self.sent_s = 0.0
        """When its last call went out (monotonic): a Lane with Holds must not stay silent."""
        self.retries = 0
        self.asked = 0
        """Requests that ever came."""
        self.asked_before = 0
        self.idle_beats = 0
        self.flying = 0
        """Requests on units taken ahead that may yet be given back: their Entry is kept."""
        self.stock: Stock | None = None
        """None as long as its plan takes nothing ahead."""
        self.denied: Answer | None = None
        """The store's refusal that still holds: nothing can be granted before ``denied_until_s``."""
        self.denied_until_s = 0.0
        self.denied_hits = 0
        self.debts: Debts | None = None
        """What was admitted without the store, and is not accounted yet."""

    @property
    def is_in_use(self) -> bool:
        """Whether units of its Entry are in requests whose outcome the store is to be told."""
        return bool(self.flying or self.entry.open)


class Grant:
    """Where the units of one Answer belong; shared by all requests that it admitted."""

    __slots__ = ("day_end_us", "generation", "held", "lane", "leased")

    def __init__(self, lane: Lane, answer: Answer, held: bool, leased: bool = False) -> None:
        self.lane = lane
        self.generation = answer.generation
        self.day_end_us = answer.day_end_us
        self.held = held
        """True: Holds, to be settled. False: charged when granted."""
        self.leased = leased
        """Charged ahead, also where the plan has a condition: given back when it does not count."""
