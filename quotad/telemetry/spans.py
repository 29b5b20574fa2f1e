"""Recorded requests as OpenTelemetry spans, sent by OTLP over HTTP: the only module that knows the SDK.

A span is made of the Outcome that exists anyway, once the request is over. A thread of the SDK's sends
them; what it cannot send in time is dropped, and the SDK logs that.
"""

import asyncio
from typing import TYPE_CHECKING

from quotad import __version__
from quotad.clock import MonotonicClock, WallClock
from quotad.core.outcome import Outcome
from quotad.errors import QuotadError
from quotad.telemetry.log_line import HOST_LENGTH, shown_path

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

SEND_EVERY_MS = 1_000
SEND_WITHIN_S = 5.0
QUEUE_SPANS = 2_048


class Spans:
    """Takes Outcomes with a ``span_id``. One per process."""

    def __init__(self, endpoint: str, sidecar: str, wall_s: WallClock, monotonic_s: MonotonicClock) -> None:
        """``sidecar`` names this process. Raises QuotadError when the extra is not installed."""
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            raise QuotadError("tracing needs the extra: pip install quotad[otel]") from error
        self._wall_s = wall_s
        self._monotonic_s = monotonic_s
        self._resource = Resource(
            {"service.name": "quotad", "service.version": __version__, "service.instance.id": sidecar}
        )
        self._processor = BatchSpanProcessor(
            OTLPSpanExporter(endpoint, timeout=SEND_WITHIN_S),
            max_queue_size=QUEUE_SPANS,
            schedule_delay_millis=SEND_EVERY_MS,
        )

    def record(self, outcome: Outcome) -> None:
        """Take one ended request."""
        self._processor.on_end(self._span(outcome))

    async def close(self) -> None:
        """Send what is waiting, and end the thread."""
        await asyncio.get_running_loop().run_in_executor(None, self._processor.shutdown)

    def _span(self, outcome: Outcome) -> "ReadableSpan":
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

        trace_id, flags = int(outcome.trace_id, 16), TraceFlags(TraceFlags.SAMPLED)
        parent = None
        if outcome.parent_id:
            parent = SpanContext(trace_id, int(outcome.parent_id, 16), is_remote=True, trace_flags=flags)
        offset_s = self._wall_s() - self._monotonic_s()
        failed = outcome.status >= 500 or not outcome.status
        return ReadableSpan(
            f"{outcome.method or '-'} {outcome.service_id}".rstrip(),
            SpanContext(trace_id, int(outcome.span_id, 16), is_remote=False, trace_flags=flags),
            parent,
            self._resource,
            attributes_of(outcome),
            kind=SpanKind.SERVER,
            status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
            start_time=int((outcome.started_s + offset_s) * 1e9),
            end_time=int((outcome.ended_s + offset_s) * 1e9),
        )


def attributes_of(outcome: Outcome) -> dict[str, str | int | bool]:
    """What a span tells: what the access log does, and no more; empty members are left out."""
    said: dict[str, str | int | bool | None] = {
        "http.request.method": outcome.method,
        "http.response.status_code": outcome.status,
        "url.path": shown_path(outcome.target) if outcome.target else "",
        "server.address": outcome.host[:HOST_LENGTH],
        "client.address": outcome.client,
        "quotad.request_id": outcome.request_id,
        "quotad.service_id": outcome.service_id,
        "quotad.environment": outcome.environment,
        "quotad.usage_plan_id": outcome.plan_id,
        "quotad.secret_id": outcome.secret_id,
        "quotad.reason": outcome.reason,
        "quotad.limit": outcome.limit,
        "quotad.counted": outcome.counted,
        "quotad.upstream": outcome.upstream,
        "quotad.upstream_us": int(outcome.upstream_s * 1e6),
        "quotad.store_us": int(outcome.store_s * 1e6),
    }
    return {name: value for name, value in said.items() if value is not None and value != ""}
