"""What a worker tells its supervisor about itself, and how the supervisor takes it.

Numbers are absolute, and of places (``metrics.Place``) only those that changed are told: there
may be thousands, and this happens once a second on the event loop that serves callers. So is who was
served: a plan of ``scope: secret`` may have a hundred thousand callers.
"""

import resource
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from quotad.clock import cpu_s
from quotad.telemetry.figures import Figures
from quotad.telemetry.metrics import Place, Recorder, Row, ShadowRow
from quotad.telemetry.sources import Sources, put_place, put_shadow

PLACES = 256
"""In one message: some two milliseconds of the event loop."""

_SHARED = {""}
"""Who is served under ``scope: plan``: a Subject without a name."""


class _Told:
    """What was told of a place."""

    __slots__ = ("requests", "secrets")

    def __init__(self) -> None:
        self.requests = -1
        self.secrets: set[str] = set()

    def news(self, requests: int, secrets: set[str]) -> list[str] | None:
        """Who is new; None when nothing has changed."""
        if requests == self.requests:
            return None
        self.requests = requests
        if len(secrets) == len(self.secrets):
            return []
        new = secrets - self.secrets
        self.secrets |= new
        return list(new)


class Reporter:
    """The worker's side."""

    def __init__(self) -> None:
        self._told: dict[tuple[type, Place], _Told] = {}

    def report(self, sources: Sources) -> Iterator[dict[str, Any]]:
        """The next report as messages for JSON, each made when it is asked for; at least one."""
        recorder = sources.recorder
        rows: list[Row | ShadowRow] = [*recorder.rows(), *recorder.shadow_rows()]
        for start in range(0, len(rows), PLACES):
            news = map(self._news, rows[start : start + PLACES])
            yield {"places": [new for new in news if new is not None]}
        figures = sources.totals()
        figures.put("quotad_worker_cpu_seconds", cpu_s())
        figures.put("quotad_worker_resident_memory_bytes", _resident_bytes())
        yield {"figures": figures.plain()}

    def forget(self) -> None:
        """Tell everything again: the other side may have let go of what a new configuration lacks."""
        self._told.clear()

    def _news(self, row: Row | ShadowRow) -> list[Any] | None:
        place = row.place
        told = self._told.get((type(row), place))
        if told is None:
            told = self._told[type(row), place] = _Told()
        if isinstance(row, Row):
            new = told.news(sum(row.classes), _SHARED if row.secrets is None else row.secrets)
            return None if new is None else [*place, new, row.classes, row.denied]
        new = told.news(sum(row.verdicts.values()), row.secrets)
        return None if new is None else [*place, new, row.verdicts]


def absorb(recorder: Recorder, message: Mapping[str, Any]) -> Figures:
    """Answers a message's figures; lets ``recorder`` know who was served, so that their stock is shown."""
    if "figures" in message:
        return Figures.of_plain(message["figures"])
    figures = Figures()
    figures.numbers.update(quotad_requests={}, quotad_denied={}, quotad_shadow_requests={})
    for service_id, environment, plan_id, api_id, secret_ids, *counts in message["places"]:
        place = (service_id, environment, plan_id, api_id)
        if len(counts) == 2:
            recorder.meet(place, secret_ids)
            put_place(figures, place, *counts)
        else:
            recorder.meet_shadows(place, secret_ids)
            put_shadow(figures, place, *counts)
    return figures


def _resident_bytes() -> int:
    """As Linux tells it; 0 where nobody does."""
    try:
        pages = Path("/proc/self/statm").read_bytes().split()[1]
    except OSError:
        return 0
    return int(pages) * resource.getpagesize()
