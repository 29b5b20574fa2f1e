"""Rows 1 to 7 from samples."""

import pytest

from bench.findings import Finding
from bench.rounds import Sample
from bench.rows.traffic import HEATS, Samples, findings


def sample(peer: str, cpu_us: float, store_us: float = 0.0, rps: int = 1_000) -> Sample:
    """One second of so many requests."""
    return Sample(peer, rps, 1.0, 100, 200, cpu_us * rps / 1e6, store_us * rps / 1e6, 0.0)


@pytest.fixture
def samples() -> Samples:
    """Two rounds, the second on a machine that is twice as slow."""
    found = Samples()
    for slow in (1, 2):
        for case, peers in HEATS:
            for peer in peers:
                ours = peer.startswith("quotad")
                found.add(case, sample(peer, (20 if ours else 40) * slow, 10 * slow, 2_000 if ours else 500))
    return found


def of(row: int, found: list[Finding]) -> list[Finding]:
    """What a row says."""
    return [each for each in found if each.aim.row == row]


def test_ratios_are_taken_within_a_round(samples: Samples) -> None:
    """A round that is slow for all is no different from one that is fast for all."""
    cpu, rps = of(1, findings(samples, ["compiled"]))
    assert list(cpu.values) == [0.5, 0.5]
    assert list(rps.values) == [4.0, 4.0]
    assert (cpu.verdict, rps.verdict) == ("NOT MET", "met")


def test_signed_requests_are_held_against_our_own_key_pairs(samples: Samples) -> None:
    """Each build against itself."""
    (signed,) = of(6, findings(samples, ["pure"]))
    assert list(signed.values) == [1.0, 1.0]


def test_every_row_from_1_to_7_is_there_for_each_build(samples: Samples) -> None:
    """Also when a build is missing, no row is."""
    found = findings(samples, ["compiled", "pure"])
    for build in ("compiled", "pure"):
        assert {each.aim.row for each in found if each.build == build} == set(range(1, 8))


def test_the_store_is_told_beside_what_nginx_makes_it_spend(samples: Samples) -> None:
    """Absolute microseconds are judged, the ratio stands beside."""
    first, *_ = of(7, findings(samples, ["compiled"]))
    assert list(first.values) == [10.0, 20.0]
    assert "ratio 1.000" in first.note
