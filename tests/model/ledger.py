"""What really happened in a run, kept apart from everything that is tested, and what may have happened."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from quotad.core.quota import Answer


@dataclass(eq=False, slots=True)
class Grant:
    """Units that one server granted to one Sidecar by one call."""

    sidecar_id: bytes
    generation: int
    window: int
    units: int
    is_void: bool = False
    """The Sidecar gave the call up: nobody was admitted by it, and nobody will be."""
    heard_s: float | None = None


@dataclass(eq=False, slots=True)
class Admission:
    """One request that was let through."""

    sidecar_id: bytes
    window: int
    at_us: int
    """When its token was taken: of a Lease, when it was spent; else when the store decided."""
    is_accounted: bool
    """The store granted its unit, rather than that it was admitted without the store."""
    is_over: bool = False
    counts: bool = True
    """False: it was given back, or its answer does not count. What nobody can know counts."""


@dataclass(slots=True)
class Ledger:
    """Of one Subject. ``window`` is the day's end where the day is limited, else 0."""

    admissions: list[Admission] = field(default_factory=list)
    in_use: Counter[int] = field(default_factory=Counter)
    """Accounted admissions that count, by window."""
    unaccounted: Counter[int] = field(default_factory=Counter)
    allowed: dict[int, int] = field(default_factory=dict)
    """The highest limit that any server decided by."""
    forgiven: Counter[int] = field(default_factory=Counter)
    """By resets."""
    forgiven_in_all: int = 0
    slack: Counter[int] = field(default_factory=Counter)
    """By how much a promise allows a limit to be passed."""
    unknown: dict[int, int] = field(default_factory=dict)
    """The most that the server that decided did not know of what others had granted."""
    over: dict[int, int] = field(default_factory=dict)
    """By how much the limit was passed at most, by window; without what no store had granted."""
    over_in_all: dict[int, int] = field(default_factory=dict)
    lost: int = 0
    """Units granted by servers that were forgotten with what they granted."""
    stranded_at_most: int = 0
    released: int = 0
    """Given back for Sidecars that fell silent, by ``onCrash: release``."""
    grants: dict[int, list[Grant]] = field(default_factory=lambda: defaultdict(list))

    def decided(self, window: int, limit: int) -> None:
        """A server decided by this limit."""
        self.allowed[window] = max(self.allowed.get(window, 0), limit)

    def granted(self, grant: Grant, known: set[Grant]) -> None:
        """A server that knows of those grants, this one included, granted more."""
        grants = self.grants[grant.window]
        grants.append(grant)
        unknown = sum(other.units for other in grants if not other.is_void and other not in known)
        self.unknown[grant.window] = max(self.unknown.get(grant.window, 0), unknown)

    def admit(self, admission: Admission) -> None:
        """One more request goes on."""
        self.admissions.append(admission)
        window = admission.window
        if admission.is_accounted:
            self.in_use[window] += 1
        else:
            self.unaccounted[window] += 1
        limit = self.allowed.get(window, 0) + self.forgiven[window]
        over = self.in_use[window] - limit
        in_all = over + self.unaccounted[window]
        self.over[window] = max(self.over.get(window, 0), over)
        self.over_in_all[window] = max(self.over_in_all.get(window, 0), in_all)

    def settle(self, admission: Admission, counted: bool) -> None:
        """Its answer is known."""
        admission.is_over = True
        if not counted and admission.counts:
            admission.counts = False
            in_use = self.in_use if admission.is_accounted else self.unaccounted
            in_use[admission.window] -= 1

    def forgive(self, window: int, units: int, units_in_all: int) -> None:
        """A reset. Units that were charged and not used yet may still go back, though they are forgiven."""
        used = sum(
            each.counts and each.is_over and each.is_accounted and each.window == window
            for each in self.admissions
        )
        self.slack[window] += max(0, units + self.forgiven[window] - used)
        self.forgiven[window] += units
        self.forgiven_in_all += units_in_all

    @property
    def counted(self) -> int:
        """What must be in use at rest."""
        return sum(admission.counts for admission in self.admissions)

    def over_rate(self, rate: int, burst: int) -> int:
        """By how many requests some interval had more than ``burst + rate * t``."""
        times_s = sorted(admission.at_us / 1e6 for admission in self.admissions if admission.is_accounted)
        least, worst = float("inf"), 0.0
        for count, at_s in enumerate(times_s):
            least = min(least, count - rate * at_s)
            worst = max(worst, count + 1 - rate * at_s - least - burst)
        return int(worst + 0.999)


def window_of(kind: str, answer: Answer) -> tuple[int, int]:
    """(window, limit) of an Answer."""
    if kind == "day":
        return answer.day_end_us, answer.day_limit
    return 0, answer.month_limit if kind == "month" else answer.total_limit
