"""The scrape side of metrics: turns the Recorder's integers into Prometheus families.

The only module that imports prometheus_client; it is imported at the first scrape, because it would
cost every process some megabytes and a tenth of a second at start.
"""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder
from prometheus_client.registry import Collector

from quotad.telemetry.families import CONFIG_VERSION, FAMILIES, FAMILIES_OF_A_SCRAPE, Family
from quotad.telemetry.figures import Figures
from quotad.telemetry.sources import Scrape
from quotad.telemetry.stock import StockRow

_ACCEPT_LENGTH = 512


class QuotadCollector(Collector):
    """Yields every metric of docs/operations.md from what a ``Scrape`` knows."""

    def __init__(self, scrape: Scrape) -> None:
        self._scrape = scrape

    def collect(self) -> Iterator[Metric]:
        """All families, from numbers read now."""
        figures = self._scrape.figures()
        for name, family in FAMILIES.items():
            if family.kind == "histogram":
                yield _histograms(name, family, figures)
            elif name in figures.numbers:
                yield _numbers(name, family, figures)
        yield from self._stock()
        version = _gauge(CONFIG_VERSION)
        version.add_metric((self._scrape.config_version(),), 1)
        yield version

    def _stock(self) -> Iterator[Metric]:
        stock = self._scrape.stock
        if stock is None:
            return
        yield _stock("quotad_in_use_request_num", stock.rows, _in_use)
        yield _stock("quotad_max_request_num", stock.rows, _maximum)
        yield _stock("quotad_held_request_num", stock.rows, _held)
        yield _stock("quotad_leased_request_num", stock.rows, _leased)
        soft = [row for row in stock.rows if row.overage is not None]
        yield _stock("quotad_overage_request_num", soft, _overage)
        yield _stock("quotad_shadow_in_use_request_num", stock.shadow_rows, _in_use)
        age = _gauge("quotad_usage_age_seconds")
        age_s = stock.age_s()
        if age_s is not None:
            age.add_metric((), age_s)
        yield age


def make_registry(scrape: Scrape) -> CollectorRegistry:
    """A registry of its own with quotad's metrics and those of the process."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(QuotadCollector(scrape))
    ProcessCollector(registry=registry)
    return registry


def render(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """The exposition in the best format that ``accept`` allows, and its Content-Type."""
    try:
        encoder, content_type = choose_encoder(accept[:_ACCEPT_LENGTH])
        return encoder(registry), content_type
    except (ValueError, TypeError):  # a version that is no number
        return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4


def _numbers(name: str, family: Family, figures: Figures) -> Metric:
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = kind(name, family.text, labels=family.labels)
    suffix = "_total" if family.kind == "counter" else ""
    for labels, value in figures.numbers[name].items():
        if "api" in family.labels:
            named = dict(zip(family.labels, labels, strict=True))
            metric.add_sample(name + suffix, _with_api(named), value)
        else:
            metric.add_metric(labels, value)
    return metric


def _with_api(labels: dict[str, str]) -> dict[str, str]:
    """An empty label is as good as none, and most installations have no Apis."""
    return labels if labels["api"] else {name: value for name, value in labels.items() if name != "api"}


def _histograms(name: str, family: Family, figures: Figures) -> Metric:
    metric = HistogramMetricFamily(name, family.text, labels=family.labels)
    for labels, histogram in figures.histograms.get(name, {}).items():
        metric.add_metric(labels, histogram.cumulative(), histogram.sum_s)
    return metric


def _gauge(name: str) -> GaugeMetricFamily:
    family = FAMILIES_OF_A_SCRAPE[name]
    return GaugeMetricFamily(name, family.text, labels=family.labels)


def _stock(name: str, rows: Iterable[StockRow], value: Callable[[StockRow], int]) -> Metric:
    family = _gauge(name)
    for row in rows:
        named = (row.plan_id, row.service_id, row.environment, row.window, row.api_id)
        labels = dict(zip(FAMILIES_OF_A_SCRAPE[name].labels, named, strict=True))
        family.add_sample(name, _with_api(labels), value(row))
    return family


def _in_use(row: StockRow) -> int:
    return row.in_use


def _maximum(row: StockRow) -> int:
    return row.maximum


def _held(row: StockRow) -> int:
    return row.held


def _leased(row: StockRow) -> int:
    return row.leased


def _overage(row: StockRow) -> int:
    return row.overage or 0
