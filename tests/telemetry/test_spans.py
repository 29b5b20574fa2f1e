import builtins
import subprocess
import sys
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from quotad import __version__, clock
from quotad.errors import QuotadError
from quotad.telemetry.spans import Spans, attributes_of
from tests.support.collecting import attributes, running_collector
from tests.support.samples import outcome

TRACE, SPAN, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "1111111111111111"


async def test_a_span_is_what_the_request_was() -> None:
    """A real collector gets ids, times, kind and what the access log tells, of this process by name."""
    async with running_collector() as collector:
        spans = Spans(collector.endpoint, "sidecar-1", clock.wall_s, clock.monotonic_s)
        ended = outcome()
        ended.trace_id, ended.span_id, ended.parent_id = TRACE, SPAN, PARENT
        ended.target, ended.status = "/v1/x?key=secret", 503
        spans.record(ended)
        begun = outcome()
        begun.trace_id, begun.span_id, begun.status = TRACE, PARENT, 200
        spans.record(begun)
        await spans.close()
        first, second = await collector.until(2)
        assert (first.trace_id.hex(), first.span_id.hex(), first.parent_span_id.hex()) == (
            TRACE,
            SPAN,
            PARENT,
        )
        assert (first.kind, first.status.code) == (Span.SPAN_KIND_SERVER, Status.STATUS_CODE_ERROR)
        assert (second.parent_span_id, second.status.code) == (b"", Status.STATUS_CODE_UNSET)
        took_s = (first.end_time_unix_nano - first.start_time_unix_nano) / 1e9
        assert took_s == pytest.approx(ended.ended_s - ended.started_s, abs=1e-5)
        said = attributes(first)
        assert (said["url.path"], said["http.response.status_code"]) == ("/v1/x", 503)
        assert "key=secret" not in str(first)
        assert collector.resource["service.name"] == "quotad"
        assert collector.resource["service.version"] == __version__
        assert collector.resource["service.instance.id"] == "sidecar-1"


async def test_a_collector_that_is_away_harms_nobody() -> None:
    """What cannot be sent is dropped at the end, without an error."""
    spans = Spans("http://127.0.0.1:1/v1/traces", "sidecar-1", clock.wall_s, clock.monotonic_s)
    ended = outcome()
    ended.trace_id, ended.span_id = TRACE, SPAN
    spans.record(ended)
    await spans.close()


def test_empty_members_are_left_out() -> None:
    """Only what is known is told."""
    said = attributes_of(outcome())
    assert "quotad.limit" not in said
    assert "" not in said.values()
    assert None not in said.values()


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for spans without the packages is told which to install."""
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("opentelemetry"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(QuotadError, match=r"quotad\[otel\]"):
        Spans("http://127.0.0.1:1/", "sidecar-1", clock.wall_s, clock.monotonic_s)


def test_nobody_carries_the_exporter_who_makes_no_spans() -> None:
    """A process without ``tracing`` loads neither it nor our part."""
    ours = ("opentelemetry.exporter", "quotad.telemetry.spans")
    script = f"import sys, quotad.app; sys.exit(any(name.startswith({ours}) for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
