"""Where the numbers of a scrape come from: what ``app`` hands to the telemetry port."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import field
from typing import Protocol

from quotad.core.histogram import Histogram
from quotad.frozen import frozen
from quotad.telemetry.figures import Figures
from quotad.telemetry.loop_lag import LoopLag
from quotad.telemetry.metrics import CODE_CLASSES, Place, Recorder
from quotad.telemetry.stock import Stock


class UpstreamRow(Protocol):
    """What is read of a backend: ``dataplane.fleet.Row``."""

    @property
    def upstream(self) -> str:
        """Its address: of the configuration, or what a name there resolves to."""

    @property
    def out(self) -> bool:
        """Whether it gets no requests."""

    @property
    def ejections(self) -> int:
        """How often it was ejected."""

    @property
    def connections(self) -> int:
        """To it."""

    @property
    def waiting(self) -> int:
        """Requests that wait for one."""


class Following(Protocol):
    """Who follows the control records (``catalog.follow.Follower``)."""

    @property
    def failures(self) -> Mapping[str, int]:
        """By reason."""

    def age_s(self) -> float:
        """Since what is known was last known to be true."""


class Delivering(Protocol):
    """How delivery of webhooks stands (``controlplane.hooks.herald.Standing``)."""

    @property
    def attempts(self) -> Mapping[str, int]:
        """By what came of them."""

    @property
    def events(self) -> Mapping[str, int]:
        """Told and given up."""

    @property
    def pending(self) -> int:
        """On their way."""

    @property
    def oldest_pending_s(self) -> float:
        """Since the oldest came to be."""

    @property
    def sweep_s(self) -> float:
        """Of the last sweep."""


@frozen
class Sources:
    """What one process counts: plain numbers, and functions that give them."""

    recorder: Recorder
    store_durations: Callable[[], Mapping[str, Histogram]] = dict
    """By script."""
    store_errors: Callable[[], Mapping[str, int]] = dict
    """By ``StoreError.kind``."""
    unaccounted: Callable[[], Mapping[str, int]] = dict
    """By plan id: admitted without the store."""
    settle_age_s: Callable[[], float] = float
    """How long the longest untold outcome has waited for the store."""
    log_dropped: Callable[[], int] = int
    connections: Callable[[], int] = int
    """Of callers, open now."""
    connections_refused: Callable[[], Mapping[str, int]] = dict
    """By reason: callers' that were closed unserved."""
    statuses_told: Callable[[], Mapping[str, int]] = dict
    """By what became of the request: those that other proxies tell (``authorize``)."""
    upstreams: Callable[[], Iterable[UpstreamRow]] = tuple
    upstream_retries: Callable[[], Mapping[str, int]] = dict
    """By what was tried again."""
    loop_lag: LoopLag = field(default_factory=LoopLag)
    following: Following | None = None
    """None: there is nothing to follow."""
    webhooks: Callable[[], Delivering | None] = lambda: None
    """None: this process delivers none."""

    def figures(self) -> Figures:
        """All of it, as it is now."""
        figures = self.totals()
        for row in self.recorder.rows():
            put_place(figures, row.place, row.classes, row.denied)
        for shadow in self.recorder.shadow_rows():
            put_shadow(figures, shadow.place, shadow.verdicts)
        return figures

    def totals(self) -> Figures:
        """All but the numbers of places, of which there may be thousands."""
        figures = Figures()
        recorder = self.recorder
        # Their families are shown before the first request too.
        figures.numbers.update(quotad_requests={}, quotad_denied={}, quotad_shadow_requests={})
        figures.put_each("quotad_auth_failures", recorder.auth_failures)
        figures.put_histogram("quotad_request_duration_seconds", recorder.request_duration)
        figures.put_histogram("quotad_upstream_duration_seconds", recorder.upstream_duration)
        figures.put("quotad_connections", self.connections())
        figures.put_each("quotad_connections_refused", self.connections_refused())
        figures.put_each("quotad_statuses_told", self.statuses_told())
        figures.put("quotad_tunnels", recorder.tunnels)
        figures.put("quotad_tunnels_ended", recorder.tunnels_ended)
        figures.put("quotad_tunnel_seconds", recorder.tunnel_s)
        figures.put_each("quotad_tunnel_bytes", recorder.tunnel_bytes)
        for script, histogram in self.store_durations().items():
            figures.put_histogram("quotad_store_duration_seconds", histogram, (script,))
        figures.put_each("quotad_store_errors", self.store_errors())
        figures.put_each("quotad_unaccounted", self.unaccounted())
        figures.put("quotad_settle_age_seconds", self.settle_age_s())
        figures.put("quotad_event_loop_lag_seconds", self.loop_lag.greatest_s)
        figures.put("quotad_access_log_dropped", self.log_dropped())
        figures.put_each("quotad_upstream_retries", self.upstream_retries())
        put_upstreams(figures, self.upstreams())
        if self.following is not None:
            figures.put("quotad_control_age_seconds", self.following.age_s())
            figures.put_each("quotad_control_failures", self.following.failures)
        put_webhooks(figures, self.webhooks())
        return figures


def put_webhooks(figures: Figures, standing: Delivering | None) -> None:
    """Say how delivery of webhooks stands, where there is any."""
    if standing is None:
        return
    figures.put_each("quotad_webhook_attempts", standing.attempts)
    figures.put_each("quotad_webhook_events", standing.events)
    figures.put("quotad_webhook_pending", standing.pending)
    figures.put("quotad_webhook_oldest_pending_seconds", standing.oldest_pending_s)
    figures.put("quotad_webhook_sweep_seconds", standing.sweep_s)


def put_upstreams(figures: Figures, rows: Iterable[UpstreamRow]) -> None:
    """Say the numbers of backends; routes that use one in different ways have it several times."""
    sums: dict[str, dict[str, float]] = {
        f"quotad_upstream_{name}": {} for name in ("out", "ejections", "connections", "waiting")
    }
    for row in rows:
        values = (row.out, row.ejections, row.connections, row.waiting)
        for series, value in zip(sums.values(), values, strict=True):
            series[row.upstream] = series.get(row.upstream, 0) + value
    for name, series in sums.items():
        figures.put_each(name, series)


def put_place(figures: Figures, place: Place, classes: Sequence[int], denied: Mapping[str, int]) -> None:
    """Say the numbers of a ``metrics.Row``."""
    requests, refused = figures.numbers["quotad_requests"], figures.numbers["quotad_denied"]
    for code_class, count in zip(CODE_CLASSES, classes, strict=True):
        requests[*place, code_class] = count
    for reason, count in denied.items():
        refused[*place, reason] = count


def put_shadow(figures: Figures, place: Place, verdicts: Mapping[str, int]) -> None:
    """Say the numbers of a ``metrics.ShadowRow``."""
    service_id, environment, plan_id, api_id = place
    requests = figures.numbers["quotad_shadow_requests"]
    for verdict, count in verdicts.items():
        requests[plan_id, service_id, environment, api_id, verdict] = count


async def _nothing() -> None:
    """A process knows its own numbers at any time."""


@frozen
class Scrape:
    """What a scrape shows. The functions are called at every scrape."""

    figures: Callable[[], Figures]
    stock: Stock | None = None
    """None: nothing is known of the store."""
    config_version: Callable[[], str] = str
    refresh: Callable[[], Awaitable[None]] = _nothing
    """Called before a scrape, to make ``figures`` as new as possible within a short time."""
