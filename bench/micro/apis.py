"""What single Apis cost a request: steps 3 and 4 of its life without authentication, in CPU microseconds.

    python -m bench.micro.apis [--rounds 20]

From a parsed head to the caller's plan: the route, where plans are bound to single Apis the Api, the
Subject. Without Apis, and with 10 and 1,000 of which a plan is bound to each; asked for are a path without
``{name}``, one with it, and one that could be read in several ways. The smallest of all rounds is told: on
a shared machine others only add.
"""

import argparse
import time
import timeit
from types import SimpleNamespace
from typing import cast

from quotad.config.model import Route, UpstreamAddress
from quotad.core.outcome import Outcome
from quotad.core.plans import Api, Binding, Secret, Service, UsagePlan
from quotad.core.request import read_request_fields, read_request_line
from quotad.core.table import PlanTable
from quotad.dataplane.entrance import caller_of, route
from quotad.dataplane.plane import Plane
from quotad.dataplane.snapshot import Snapshot, SnapshotHolder

COUNTS = (0, 10, 1_000)
PATHS = {
    "no {name}": "/v1/things4",
    "with {name}": "/v1/things5/12345",
    "read in several ways": "/v1/things5/a%2D1",
}
_PLACE = ("service-bench", "release")
_SECRET = Secret("bench", "AKIDbench", b"0123456789")
_FIELDS = read_request_fields(b"Host: bench\r\n", 100)
_TIMES = 10_000


def table(count: int) -> PlanTable:
    """One plan for all of a service, or for each of so many Apis."""
    apis = tuple(
        Api(f"api-{at}", "", ("GET", "ANY")[at % 2], f"/v{at % 7}/things{at}" + "/{id}" * (at % 2))
        for at in range(max(0, count - len(PATHS)))
    )
    asked = (Api("plain", "", "GET", "/v1/things4"), Api("named", "", "GET", "/v1/things5/{id}"))
    apis = (*apis, *asked) if count else ()
    return PlanTable(
        [Service("service-bench", "bench", apis=apis)],
        [UsagePlan("usagePlan-bench", "bench")],
        [_SECRET],
        [
            Binding(
                "usagePlan-bench",
                ("AKIDbench",),
                (("service-bench", "release"),),
                api_ids=tuple(api.api_id for api in apis),
            )
        ],
    )


def cost_us(count: int, path: str, rounds: int) -> float:
    """Of one request to ``path`` in a service with so many Apis."""
    rule = Route("", "/", *_PLACE, (UpstreamAddress("127.0.0.1", 9),))  # type: ignore[arg-type]
    holder = SnapshotHolder(Snapshot((rule,), table(count)))
    plane = cast(Plane, SimpleNamespace(snapshot=holder))
    line = read_request_line(f"GET {path} HTTP/1.1".encode(), 1_000)

    def ask() -> None:
        outcome = Outcome(0.0)
        caller_of(route(plane, line, _FIELDS, outcome), _SECRET, outcome)

    ask()
    spent = timeit.repeat(ask, number=_TIMES, repeat=rounds, timer=time.process_time)
    return min(spent) / _TIMES * 1e6


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    print("| Apis |", " | ".join(PATHS), "|")
    print("|---|" + "---|" * len(PATHS))
    for count in COUNTS:
        figures = [f"{cost_us(count, path, rounds):.2f}" for path in PATHS.values()]
        print(f"| {count:,} |", " | ".join(figures), "|")


if __name__ == "__main__":
    main()
