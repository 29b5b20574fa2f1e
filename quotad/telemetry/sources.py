"""Where the numbers of a scrape come from: what ``app`` hands to the telemetry port."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from quotad.core.histogram import Histogram
from quotad.telemetry.loop_lag import LoopLag
from quotad.telemetry.metrics import Recorder
from quotad.telemetry.stock import Stock


@dataclass(frozen=True, slots=True)
class Sources:
    """Plain numbers, and functions that give them; each is called at every scrape."""

    recorder: Recorder
    stock: Stock | None = None
    """None: nothing is known of the store."""
    store_durations: Callable[[], Mapping[str, Histogram]] = dict
    """By script."""
    store_errors: Callable[[], Mapping[str, int]] = dict
    """By ``StoreError.kind``."""
    unaccounted: Callable[[], Mapping[str, int]] = dict
    """By plan id: admitted without the store."""
    config_version: Callable[[], str] = str
    log_dropped: Callable[[], int] = int
    loop_lag: LoopLag = field(default_factory=LoopLag)
