"""What may go wrong in a run, and what was promised for it."""

from dataclasses import dataclass, replace
from typing import Any

from quotad.core.plans import LeaseRule, StoreFailurePolicy

CLOSED = StoreFailurePolicy()
OPEN = StoreFailurePolicy("open", budget=4)
LOCAL = StoreFailurePolicy("local", units=3)


@dataclass(frozen=True, slots=True)
class Case:
    """Chances are per call or per run; what a run does not draw does not happen in it."""

    name: str
    spoiled: float = 0.25
    """Of calls: lost, their reply lost, late, or repeated."""
    pauses: float = 0.0
    """Chance that a Sidecar stands still, for up to two hold times."""
    crashes: float = 0.0
    """Chance that a process is killed and another started."""
    leaves: float = 0.3
    """Chance that a process is ended in order, and another started."""
    outages: float = 0.2
    """Chance that a Sidecar cannot reach the store for a while."""
    failovers: int = 0
    """At most so many, each losing the writes of the last moments."""
    forks: bool = False
    """The old primary goes on with those Sidecars that have not been told yet."""
    empties: float = 0.0
    """Chance that the store forgets everything."""
    waits: bool = False
    """``store.minReplicas``: an answer counts only once the replica has what it tells of."""
    changes: bool = False
    """Limits go up and down, zones change, top-ups and resets come, midnight passes."""
    resets: bool = False
    release: bool = False
    leases: bool = False
    policy: StoreFailurePolicy = CLOSED

    @property
    def forgets(self) -> bool:
        """Whether the store may lose what it has answered."""
        return bool(self.empties) or (bool(self.failovers) and not self.waits)


LEASES = (LeaseRule(max_units=8, ttl_ms=800), LeaseRule(max_units=20, ttl_ms=200))

_STRICT = Case("strict")
_LEASES = Case("leases", leases=True)
_HARD: dict[str, Any] = {"pauses": 0.5, "crashes": 0.5}

CASES = (
    _STRICT,
    replace(_STRICT, name="strict, pauses and crashes", **_HARD),
    replace(_STRICT, name="strict, pauses and crashes, onCrash release", release=True, **_HARD),
    replace(_STRICT, name="strict, limits, zones, top-ups and midnight", changes=True, **_HARD),
    replace(_STRICT, name="strict, resets", resets=True),
    _LEASES,
    replace(_LEASES, name="leases, pauses and crashes", **_HARD),
    replace(_LEASES, name="leases, limits, zones, top-ups and midnight", changes=True, **_HARD),
    replace(_LEASES, name="leases, resets", resets=True),
    replace(_STRICT, name="local", policy=LOCAL, outages=0.8),
    replace(_LEASES, name="local with leases, pauses and crashes", policy=LOCAL, outages=0.8, **_HARD),
    replace(_STRICT, name="open", policy=OPEN, outages=0.8),
    replace(_STRICT, name="open, pauses and crashes", policy=OPEN, outages=0.8, **_HARD),
    replace(_STRICT, name="failover, the replica behind", failovers=2),
    replace(_STRICT, name="failover, forked", failovers=2, forks=True),
    replace(_STRICT, name="failover, forked, pauses and crashes", failovers=2, forks=True, **_HARD),
    replace(_LEASES, name="failover, forked, leases", failovers=2, forks=True),
    replace(_LEASES, name="failover, forked, minReplicas", failovers=2, forks=True, waits=True, **_HARD),
    replace(_STRICT, name="failover, forked, local", failovers=2, forks=True, policy=LOCAL, outages=0.8),
    replace(_STRICT, name="failover, forked, open", failovers=2, forks=True, policy=OPEN, outages=0.8),
    replace(_STRICT, name="empty store", empties=1.0),
    replace(_LEASES, name="empty store, leases, pauses and crashes", empties=1.0, **_HARD),
    replace(
        _LEASES,
        name="everything",
        failovers=2,
        forks=True,
        empties=0.5,
        changes=True,
        policy=LOCAL,
        outages=0.5,
        **_HARD,
    ),
)
