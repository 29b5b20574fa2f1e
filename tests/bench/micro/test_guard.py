"""The guard's words."""

import subprocess
import sys

from bench.micro.guard import BASELINE, WARN, loop, told
from bench.processes import ROOT


def test_the_loop_is_what_it_was() -> None:
    """A unit that changes says nothing about what is measured in it."""
    assert loop() == loop() == 24 * len(b"AKID0123456789") + sum(range(24))


def test_far_above_the_baseline_is_a_warning() -> None:
    """And a figure near it is none."""
    usual, far = BASELINE["pure"], BASELINE["pure"] * WARN * 1.01
    assert not [line for line in told([(usual * 5.0, 5.0)], "pure") if "WARNING" in line]
    assert [line for line in told([(far * 5.0, 5.0)], "pure") if "WARNING" in line]


def test_one_bad_round_is_no_warning() -> None:
    """The median of the rounds is judged."""
    usual, far = BASELINE["pure"], BASELINE["pure"] * WARN * 10
    found = [(usual, 1.0), (usual, 1.0), (far, 1.0)]
    assert not [line for line in told(found, "pure") if "WARNING" in line]


def test_it_prints_a_figure() -> None:
    """The whole of it runs, and its exit status is about nothing else."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.micro.guard", "--rounds", "1"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("an exchange, ")
