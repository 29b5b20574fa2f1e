"""Where the numbers of a scrape come from: what ``app`` hands to the telemetry port."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from quotad.core.histogram import Histogram
from quotad.telemetry.figures import Figures
from quotad.telemetry.loop_lag import LoopLag
from quotad.telemetry.metrics import CODE_CLASSES, Recorder
from quotad.telemetry.stock import Stock


@dataclass(frozen=True, slots=True)
class Sources:
    """What one process counts: plain numbers, and functions that give them."""

    recorder: Recorder
    store_durations: Callable[[], Mapping[str, Histogram]] = dict
    """By script."""
    store_errors: Callable[[], Mapping[str, int]] = dict
    """By ``StoreError.kind``."""
    unaccounted: Callable[[], Mapping[str, int]] = dict
    """By plan id: admitted without the store."""
    log_dropped: Callable[[], int] = int
    loop_lag: LoopLag = field(default_factory=LoopLag)

    def figures(self) -> Figures:
        """All of it, as it is now."""
        figures = Figures()
        recorder = self.recorder
        requests = figures.numbers["quotad_requests"] = {}
        denied = figures.numbers["quotad_denied"] = {}
        for row in recorder.rows():
            place = (row.service_id, row.environment, row.plan_id)
            for code_class, count in zip(CODE_CLASSES, row.classes, strict=True):
                requests[*place, code_class] = count
            for reason, count in row.denied.items():
                denied[*place, reason] = count
        shadows = figures.numbers["quotad_shadow_requests"] = {}
        for shadow in recorder.shadow_rows():
            for verdict, count in shadow.verdicts.items():
                shadows[shadow.plan_id, shadow.service_id, shadow.environment, verdict] = count
        figures.put_each("quotad_auth_failures", recorder.auth_failures)
        figures.put_histogram("quotad_request_duration_seconds", recorder.request_duration)
        figures.put_histogram("quotad_upstream_duration_seconds", recorder.upstream_duration)
        for script, histogram in self.store_durations().items():
            figures.put_histogram("quotad_store_duration_seconds", histogram, (script,))
        figures.put_each("quotad_store_errors", self.store_errors())
        figures.put_each("quotad_unaccounted", self.unaccounted())
        figures.put("quotad_event_loop_lag_seconds", self.loop_lag.greatest_s)
        figures.put("quotad_access_log_dropped", self.log_dropped())
        return figures


async def _nothing() -> None:
    """A process knows its own numbers at any time."""


@dataclass(frozen=True, slots=True)
class Scrape:
    """What a scrape shows. The functions are called at every scrape."""

    figures: Callable[[], Figures]
    stock: Stock | None = None
    """None: nothing is known of the store."""
    config_version: Callable[[], str] = str
    refresh: Callable[[], Awaitable[None]] = _nothing
    """Called before a scrape, to make ``figures`` as new as possible within a short time."""
