"""What each part of the table is given."""

from dataclasses import dataclass

from bench.budget import Budget
from bench.findings import BUILDS, Build
from bench.peers.catalog import CATALOG
from bench.peers.peer import Peer
from bench.stage import Stage

OURS: dict[Build, str] = {"compiled": "quotad_compiled", "pure": "quotad"}
"""The peer of each build."""


def peer(name: str) -> Peer:
    """Of the catalog, by its name."""
    (found,) = (each for each in CATALOG if each.name == name)
    return found


def builds() -> list[Build]:
    """Those that are here now; says which is not."""
    lacks = {build: peer(OURS[build]).lack() for build in BUILDS}
    for build, lack in lacks.items():
        if lack:
            print(f"left out: {build}: {lack}", flush=True)
    return [build for build in BUILDS if not lacks[build]]


@dataclass(frozen=True, slots=True)
class Ground:
    """The stage, and how long each part may take."""

    stage: Stage
    budget: Budget
    builds: list[Build]
    """Those that are here, as of the beginning."""

    @property
    def main(self) -> Build:
        """What is measured where one build is enough: compiled, as in the image, if it is here."""
        return self.builds[0]

    def say(self, text: str) -> None:
        """Progress, for who waits."""
        print(f"  {text}", flush=True)
