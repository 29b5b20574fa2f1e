"""What quotad is held to, and the ratios that say whether it is met."""

from dataclasses import dataclass
from statistics import median

from bench.rounds import Sample

OURS = ("quotad", "quotad_compiled")
"""Each is held to the aims by itself."""
AIMS = {"nginx_lua": 0.6, "envoy": 0.9, "traefik": 0.4}
"""CPU per request of quotad's proxy process, at most this part of the rival's."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """The CPU per request of one of ours as a part of a rival's."""

    ours: str
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

    Empty when none of ours was measured.
    """
    by_peer: dict[str, list[float]] = {}
    for sample in samples:
        by_peer.setdefault(sample.peer, []).append(sample.cpu_us)
    measured = {name: by_peer.pop(name) for name in OURS if name in by_peer}
    aims = AIMS if case_has_aims else {}
    return [
        Ratio(name, rival, median(a / b for a, b in zip(ours, theirs, strict=True)), aims.get(rival))
        for name, ours in measured.items()
        for rival, theirs in by_peer.items()
    ]
