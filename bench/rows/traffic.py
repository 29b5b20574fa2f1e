"""Rows 1 to 7: what a request costs the proxy, and the store behind it, against those of the others."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from bench.cases import CASES
from bench.findings import Aim, Build, Finding, shown
from bench.rounds import Sample, measure, turned
from bench.rows.ground import OURS, Ground, peer

HEATS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("pair", ("quotad", "quotad_compiled", "nginx_lua", "envoy", "traefik")),
    ("crowd", ("quotad", "quotad_compiled", "nginx_lua")),
    ("leases", ("quotad", "quotad_compiled", "nginx_plain")),
    ("signed", ("quotad", "quotad_compiled")),
)
"""Case, and who is measured in it. A round goes through all of it, each round with another peer first."""

Entry = tuple[str, str]
"""Case and peer."""


@dataclass(frozen=True, slots=True)
class Race:
    """A figure of ours as a part of another's in the same round."""

    aim: Aim
    case: str
    rival: Entry | None
    """None: our own with key pairs."""
    figure: str = "cpu_us"


def _against(row: int, what: str, limit: float, **more: float | bool | None) -> Aim:
    return Aim(row, what, limit, "x", **more)  # type: ignore[arg-type]


RACES = (
    Race(
        _against(1, "200 callers, 32 connections: CPU / nginx + Lua's", 0.45, first=0.6),
        "pair",
        ("pair", "nginx_lua"),
    ),
    Race(
        _against(1, "200 callers, 32 connections: requests/s / nginx + Lua's", 2, at_least=True),
        "pair",
        ("pair", "nginx_lua"),
        "rps",
    ),
    Race(
        _against(2, "4 callers, 128 connections: CPU / nginx + Lua's", 0.35),
        "crowd",
        ("crowd", "nginx_lua"),
    ),
    Race(
        _against(2, "4 callers, 128 connections: requests/s / nginx + Lua's", 2.8, at_least=True),
        "crowd",
        ("crowd", "nginx_lua"),
        "rps",
    ),
    Race(_against(3, "200 callers: CPU / Envoy's", 0.65, first=0.9), "pair", ("pair", "envoy")),
    Race(_against(4, "200 callers: CPU / Traefik's", 0.3, first=0.4), "pair", ("pair", "traefik")),
    Race(
        _against(4, "200 callers: requests/s / Traefik's", 3, at_least=True),
        "pair",
        ("pair", "traefik"),
        "rps",
    ),
    Race(_against(5, "leases: CPU / plain nginx's", 1.5), "leases", ("leases", "nginx_plain")),
    Race(_against(6, "HMAC-signed: CPU / key pair's", 1.25), "signed", None),
)
STORE = (
    ("pair", Aim(7, "Redis CPU per request, 200 callers", 10, " us")),
    ("crowd", Aim(7, "Redis CPU per request, 4 callers", 3, " us")),
    ("leases", Aim(7, "Redis CPU per request, leases", 0.2, " us")),
)


@dataclass(slots=True)
class Samples:
    """All of them, by case and peer, in the order of the rounds."""

    by_entry: dict[Entry, list[Sample]] = field(default_factory=dict)

    def add(self, case: str, sample: Sample) -> None:
        """One more round of this entry."""
        self.by_entry.setdefault((case, sample.peer), []).append(sample)

    def of(self, entry: Entry, figure: str) -> list[float]:
        """One figure of every round."""
        return [float(getattr(sample, figure)) for sample in self.by_entry[entry]]

    def disturbed(self) -> float:
        """Cores' worth of work that other programs did meanwhile."""
        return median(sample.disturbed for samples in self.by_entry.values() for sample in samples)

    def ratios(self, ours: Entry, rival: Entry, figure: str) -> list[float]:
        """Within each round: what slows a whole round cancels out."""
        return [a / b for a, b in zip(self.of(ours, figure), self.of(rival, figure), strict=True)]


def collect(ground: Ground) -> Samples:
    """All rounds of all heats. Raises BenchError."""
    samples = Samples()
    effort = ground.budget.traffic
    missing = set(OURS.values()) - {OURS[build] for build in ground.builds}
    for number in range(effort.rounds):
        for case, names in HEATS:
            peers = [peer(name) for name in names if name not in missing]
            for each in turned(peers, number):
                sample = measure(ground.stage, each, CASES[case], effort)
                samples.add(case, sample)
                ground.say(
                    f"{case:7} {each.name:16} {sample.cpu_us:6.1f} us/request {sample.rps:7.0f} requests/s  "
                    f"Redis {sample.store_us:5.2f} us"
                )
    return samples


def findings(samples: Samples, builds: Sequence[Build]) -> list[Finding]:
    """Rows 1 to 7 of each build."""
    found = [_race(race, build, samples) for race in RACES for build in builds]
    return found + [_store(aim, case, build, samples) for case, aim in STORE for build in builds]


def _race(race: Race, build: Build, samples: Samples) -> Finding:
    ours = (race.case, OURS[build])
    rival = race.rival or ("pair", OURS[build])
    return Finding(
        race.aim, build, samples.ratios(ours, rival, race.figure), _note(ours, rival, race.figure, samples)
    )


def _note(ours: Entry, rival: Entry, figure: str, samples: Samples) -> str:
    a, b = (median(samples.of(entry, figure)) for entry in (ours, rival))
    if figure == "cpu_us":
        return f"{shown(a)} us / {shown(b)} us"
    busy = [median(samples.of(entry, "busy")) for entry in (ours, rival)]
    return f"{a:,.0f} / {b:,.0f}, with {busy[0]:.0%} / {busy[1]:.0%} of the proxy's core in use"


def _store(aim: Aim, case: str, build: Build, samples: Samples) -> Finding:
    # Leases are nobody else's: nginx + Lua is shown as with 200 callers.
    rival = (case if (case, "nginx_lua") in samples.by_entry else "pair", "nginx_lua")
    ours = (case, OURS[build])
    theirs = median(samples.of(rival, "store_us"))
    ratio = median(samples.ratios(ours, rival, "store_us"))
    note = f"nginx + Lua makes it spend {shown(theirs)} us; ratio {ratio:.3f}"
    if case == "leases":
        note += f"; {_idle_us(ours, samples):.2f} us of it pass when nobody asks"
    return Finding(aim, build, samples.of(ours, "store_us"), note)


def _idle_us(ours: Entry, samples: Samples) -> float:
    """What Redis spends by itself, per request of ours, as seen while plain nginx ran, which asks nothing."""
    idle = samples.by_entry["leases", "nginx_plain"]
    share = median(sample.store_cpu_s / sample.duration_s for sample in idle)
    return share / median(samples.of(ours, "rps")) * 1e6
