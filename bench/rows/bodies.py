"""Row 9: bodies of a megabyte, to callers and from them."""

from pathlib import Path
from statistics import median

from bench.cases import Case
from bench.findings import Aim, Build, Finding
from bench.load import requests
from bench.rounds import turned
from bench.rows.ground import OURS, Ground, peer
from bench.stage import Act

SIZE = 1024 * 1024
CASE = Case("bodies", "bodies of 1 MB, 20 callers, 8 connections", 20, 8)
DOWN = Aim(9, "1 MB answers: MB/s / plain nginx's", 0.8, "x", at_least=True)
UP = Aim(9, "1 MB requests: MB/s / plain nginx's", 0.8, "x", at_least=True)
_RIVAL = "nginx_plain"

Speeds = dict[tuple[str, Aim], list[tuple[float, float]]]
"""By peer and direction: MB/s and the share of the proxy's core in use, of each round."""


def measure(ground: Ground) -> list[Finding]:
    """Both directions of every peer, in turn."""
    (ground.stage.folder / "megabyte").write_bytes(b"m" * SIZE)
    speeds: Speeds = {}
    names = [OURS[build] for build in ground.builds] + [_RIVAL]
    for number in range(ground.budget.small.rounds):
        for each in turned([peer(name) for name in names], number):
            _run(ground, each.name, speeds)
    return [_finding(aim, build, speeds) for aim in (DOWN, UP) for build in ground.builds]


def _run(ground: Ground, name: str, speeds: Speeds) -> None:
    with ground.stage.serving(peer(name), CASE) as act:
        folder, who = act.site.folder, act.site.callers
        down = requests.write(folder / "down", (requests.request(each, path="/megabyte") for each in who))
        body = b"m" * SIZE
        up = requests.write(
            folder / "up", (requests.request(each, path="/swallow", body=body) for each in who[:4])
        )
        act.load(1, requests=down)
        for aim, file in ((DOWN, down), (UP, up)):
            speeds.setdefault((name, aim), []).append(_speed(ground, act, file))
    shown = " and ".join(f"{speeds[name, aim][-1][0]:.0f} MB/s" for aim in (DOWN, UP))
    ground.say(f"bodies  {name:16} {shown} (answers and requests)")


def _speed(ground: Ground, act: Act, file: Path) -> tuple[float, float]:
    load, used = act.measured(ground.budget.small.measured_s, requests=file)
    return load.rps * SIZE / 1e6, used.proxy_s / load.duration_us * 1e6


def _finding(aim: Aim, build: Build, speeds: Speeds) -> Finding:
    ours, theirs = speeds[OURS[build], aim], speeds[_RIVAL, aim]
    (mine, my_core), (its, its_core) = (
        [median(each) for each in zip(*runs, strict=True)] for runs in (ours, theirs)
    )
    note = f"{mine:,.0f} / {its:,.0f} MB/s, with {my_core:.0%} / {its_core:.0%} of the proxy's core in use"
    return Finding(aim, build, [a / b for (a, _), (b, _) in zip(ours, theirs, strict=True)], note)
