"""What quotad is held to, and the ratios that say whether it is met."""

from dataclasses import dataclass
from statistics import median

from bench.rounds import Sample

OURS = "quotad"
AIMS = {"nginx_lua": 0.6, "envoy": 0.9, "traefik": 0.4}
"""CPU per request of quotad's proxy process, at most this part of the rival's."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """quotad's CPU per request as a part of a rival's."""

    rival: str
    value: float
    aim: float | None

    @property
    def verdict(self) -> str:
        """In words."""
        if self.aim is None:
            return "no aim"
        return "met" if self.value <= self.aim else "NOT MET"


def ratios(samples: list[Sample], case_has_aims: bool) -> list[Ratio]:
    """Medians over the rounds of the ratio within a round: what slows a whole round cancels out.

    Empty when quotad was not measured.
    """
    by_peer: dict[str, list[float]] = {}
    for sample in samples:
        by_peer.setdefault(sample.peer, []).append(sample.cpu_us)
    ours = by_peer.pop(OURS, [])
    if not ours:
        return []
    aims = AIMS if case_has_aims else {}
    return [
        Ratio(rival, median(a / b for a, b in zip(ours, theirs, strict=True)), aims.get(rival))
        for rival, theirs in by_peer.items()
    ]
