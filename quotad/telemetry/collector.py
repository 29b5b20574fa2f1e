"""The scrape side of metrics: turns the Recorder's integers into Prometheus families.

The only module that imports prometheus_client; it is imported at the first scrape, because it would
cost every process some megabytes and a tenth of a second at start.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder
from prometheus_client.registry import Collector

from quotad.core.histogram import Histogram
from quotad.telemetry.metrics import CODE_CLASSES
from quotad.telemetry.sources import Sources
from quotad.telemetry.stock import StockRow

_PLACE = ("service", "environment", "plan")
_STOCK = ("plan", "service", "environment", "window")
_SHARED = " Every sidecar exports the same store-wide number: aggregate with max, not sum."
_ACCEPT_LENGTH = 512


class QuotadCollector(Collector):
    """Yields every metric of docs/operations.md from the plain numbers in ``sources``."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        """All families, from numbers read now."""
        yield from self._flow()
        yield from self._store()
        yield from self._stock()
        yield from self._process()

    def _flow(self) -> Iterator[Metric]:
        recorder = self._sources.recorder
        requests = CounterMetricFamily(
            "quotad_requests",
            "Requests by the status class that the caller got.",
            labels=(*_PLACE, "code_class"),
        )
        denied = CounterMetricFamily(
            "quotad_denied", "Requests that a plan's limits or its store refused.", labels=(*_PLACE, "reason")
        )
        for row in recorder.rows():
            place = (row.service_id, row.environment, row.plan_id)
            for code_class, count in zip(CODE_CLASSES, row.classes, strict=True):
                requests.add_metric((*place, code_class), count)
            for reason, count in row.denied.items():
                denied.add_metric((*place, reason), count)
        yield requests
        yield denied
        yield _counter(
            "quotad_auth_failures",
            "Requests whose caller was not accepted.",
            "reason",
            recorder.auth_failures,
        )
        yield _histogram(
            "quotad_request_duration_seconds",
            "From a request's first byte to the end of its answer.",
            recorder.request_duration,
        )
        yield _histogram(
            "quotad_upstream_duration_seconds",
            "From sending a request upstream to the head of the answer.",
            recorder.upstream_duration,
        )
        yield _counter(
            "quotad_unaccounted",
            "Requests admitted without the store under onStoreFailure: open.",
            "plan",
            self._sources.unaccounted(),
        )

    def _store(self) -> Iterator[Metric]:
        durations = HistogramMetricFamily(
            "quotad_store_duration_seconds", "From sending a script call to its answer.", labels=("script",)
        )
        for script, histogram in self._sources.store_durations().items():
            durations.add_metric((script,), histogram.cumulative(), histogram.sum_s)
        yield durations
        yield _counter(
            "quotad_store_errors",
            "Store calls that gave no answer to trust.",
            "kind",
            self._sources.store_errors(),
        )

    def _stock(self) -> Iterator[Metric]:
        stock = self._sources.stock
        if stock is None:
            return
        rows = stock.rows
        yield _gauge("quotad_in_use_request_num", "Requests used." + _SHARED, rows, _in_use)
        yield _gauge("quotad_max_request_num", "The limit; -1: none." + _SHARED, rows, _maximum)
        yield _gauge(
            "quotad_held_request_num",
            "Requests in flight whose use is not decided yet." + _SHARED,
            rows,
            _held,
        )
        yield _gauge(
            "quotad_leased_request_num", "Requests taken ahead by sidecars." + _SHARED, rows, _leased
        )
        age = GaugeMetricFamily(
            "quotad_usage_age_seconds", "Since the store was last heard for the request_num values."
        )
        age_s = stock.age_s()
        if age_s is not None:
            age.add_metric((), age_s)
        yield age

    def _process(self) -> Iterator[Metric]:
        version = GaugeMetricFamily(
            "quotad_config_version",
            "1; the label is a digest of the configuration in force.",
            labels=("version",),
        )
        version.add_metric((self._sources.config_version(),), 1)
        yield version
        lag = GaugeMetricFamily(
            "quotad_event_loop_lag_seconds", "The greatest delay of a timer in the last 15 to 30 seconds."
        )
        lag.add_metric((), self._sources.loop_lag.greatest_s)
        yield lag
        dropped = CounterMetricFamily(
            "quotad_access_log_dropped",
            "Access log lines dropped because the log's writer was too slow or failed.",
        )
        dropped.add_metric((), self._sources.log_dropped())
        yield dropped


def make_registry(sources: Sources) -> CollectorRegistry:
    """A registry of its own with quotad's metrics and those of the process."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(QuotadCollector(sources))
    ProcessCollector(registry=registry)
    return registry


def render(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """The exposition in the best format that ``accept`` allows, and its Content-Type."""
    try:
        encoder, content_type = choose_encoder(accept[:_ACCEPT_LENGTH])
        return encoder(registry), content_type
    except (ValueError, TypeError):  # a version that is no number
        return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4


def _counter(name: str, text: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=(label,))
    for value, count in counts.items():
        family.add_metric((value,), count)
    return family


def _histogram(name: str, text: str, histogram: Histogram) -> Metric:
    family = HistogramMetricFamily(name, text)
    family.add_metric((), histogram.cumulative(), histogram.sum_s)
    return family


def _gauge(name: str, text: str, rows: Iterable[StockRow], value: Callable[[StockRow], int]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=_STOCK)
    for row in rows:
        family.add_metric((row.plan_id, row.service_id, row.environment, row.window), value(row))
    return family


def _in_use(row: StockRow) -> int:
    return row.in_use


def _maximum(row: StockRow) -> int:
    return row.maximum


def _held(row: StockRow) -> int:
    return row.held


def _leased(_row: StockRow) -> int:
    return 0  # units taken ahead exist only under a plan's ``lease``, which this version refuses
