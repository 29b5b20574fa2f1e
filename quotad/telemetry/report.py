"""What a worker tells its supervisor about itself, and how the supervisor takes it.

Figures are absolute. Of what was served only what is new is told: a plan of ``scope: secret`` may have
a hundred thousand callers.
"""

from collections.abc import Mapping
from typing import Any

from quotad.telemetry.figures import Figures
from quotad.telemetry.metrics import Recorder, Row
from quotad.telemetry.sources import Sources

Place = tuple[str, str, str]


class Reporter:
    """The worker's side."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, Place], set[str]] = {}

    def report(self, sources: Sources) -> dict[str, Any]:
        """The next report, as JSON has it."""
        recorder = sources.recorder
        served = [
            [*place, new]
            for row in recorder.rows()
            if row.plan_id
            for place in ((row.service_id, row.environment, row.plan_id),)
            if (new := self._new("served", place, _served_to(row))) is not None
        ]
        shadowed = [
            [*place, new]
            for shadow in recorder.shadow_rows()
            for place in ((shadow.service_id, shadow.environment, shadow.plan_id),)
            if (new := self._new("shadowed", place, shadow.secrets)) is not None
        ]
        return {"figures": sources.figures().plain(), "served": served, "shadowed": shadowed}

    def forget(self) -> None:
        """Tell everything again: the other side may have let go of what a new configuration lacks."""
        self._told.clear()

    def _new(self, kind: str, place: Place, secret_ids: set[str]) -> list[str] | None:
        told = self._told.setdefault((kind, place), set())
        if len(told) == len(secret_ids):
            return None
        new = secret_ids - told
        told |= new
        return list(new)


def _served_to(row: Row) -> set[str]:
    return {""} if row.secrets is None else row.secrets


def absorb(recorder: Recorder, report: Mapping[str, Any]) -> Figures:
    """Let ``recorder`` know what was served, so that its stock is shown; answers the report's figures."""
    for service_id, environment, plan_id, secret_ids in report["served"]:
        recorder.meet(service_id, environment, plan_id, secret_ids)
    for service_id, environment, plan_id, secret_ids in report["shadowed"]:
        recorder.meet_shadows(service_id, environment, plan_id, secret_ids)
    return Figures.of_plain(report["figures"])
