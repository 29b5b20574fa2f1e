"""What stands in a line of the access log.

Members, always all of them and in this order: ``time``, ``requestId``, ``traceId``, ``client``,
``method``, ``host``, ``path``, ``status``, ``reason``, ``limit``, ``serviceId``, ``environment``,
``apiId``, ``usagePlanId``, ``secretId``, ``counted``, ``shadowLimit``, ``upstream``, ``durationUs``,
``upstreamUs``, ``storeUs``, ``bytesIn``, ``bytesOut``.

``time`` is when the request ended: UTC, RFC 3339. Durations are whole microseconds. ``status`` is 0 when
the caller left before any, ``counted`` null when the request was never admitted.
``traceId`` is that of the ``traceparent`` that came or was made; empty without one.
``shadowLimit`` is what a shadow plan would have said: ``admitted``, the limit that would have refused, or
``store``; empty without such a plan, or when its answer came after the line was made.
``path`` ends at the ``?``: a query may hold anything, secrets included. What a caller sent is cut to a
bound and escaped to ASCII, so a line is one line whatever was sent.
"""

from datetime import UTC, datetime
from json import dumps
from json.encoder import encode_basestring_ascii as _quote

from quotad.clock import MonotonicClock, WallClock
from quotad.core.outcome import Outcome

PATH_LENGTH = 2048
HOST_LENGTH = 255
METHOD_LENGTH = 32

_END_NAMES = (
    "reason",
    "limit",
    "serviceId",
    "environment",
    "apiId",
    "usagePlanId",
    "secretId",
    "counted",
    "shadowLimit",
    "upstream",
)

_KNOWN_CAP = 1024
"""Remembered pieces of each kind; several hundred bytes each at most."""


class LineMaker:
    """Makes lines. Keeps the text of the last second, and of pieces that come again: half the time."""

    def __init__(self, wall_s: WallClock, monotonic_s: MonotonicClock) -> None:
        self._wall_s = wall_s
        self._monotonic_s = monotonic_s
        self._offset_s = 0.0
        self._second = -1
        self._second_text = ""
        self._callers: dict[tuple[str, str, str], str] = {}
        self._ends: dict[tuple[str | bool | None, ...], str] = {}

    def begin(self) -> None:
        """Compare the clocks anew, and bound the memory of pieces; once per batch of lines."""
        self._offset_s = self._wall_s() - self._monotonic_s()
        for known in (self._callers, self._ends):
            if len(known) > _KNOWN_CAP:
                known.clear()

    def line(self, outcome: Outcome) -> str:
        """One request's line, newline included, ASCII only."""
        ended_s = outcome.ended_s
        stamp_ms = int((ended_s + self._offset_s) * 1000)
        if stamp_ms // 1000 != self._second:
            self._second = stamp_ms // 1000
            self._second_text = datetime.fromtimestamp(self._second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        caller = (outcome.client, outcome.method, outcome.host)
        end = (
            outcome.reason,
            outcome.limit,
            outcome.service_id,
            outcome.environment,
            outcome.api_id,
            outcome.plan_id,
            outcome.secret_id,
            outcome.counted,
            outcome.shadow_limit,
            outcome.upstream,
        )
        duration_us = int((ended_s - outcome.started_s) * 1e6)
        return (
            f'{{"time":"{self._second_text}.{stamp_ms % 1000:03d}Z",'
            f'"requestId":{_quote(outcome.request_id)},"traceId":"{outcome.trace_id}",'
            f"{self._callers.get(caller) or self._caller(caller)},"
            f'"path":{_quote(shown_path(outcome.target))},'
            f'"status":{outcome.status},'
            f"{self._ends.get(end) or self._end(end)},"
            f'"durationUs":{duration_us},'
            f'"upstreamUs":{int(outcome.upstream_s * 1e6)},'
            f'"storeUs":{int(outcome.store_s * 1e6)},'
            f'"bytesIn":{outcome.bytes_in},'
            f'"bytesOut":{outcome.bytes_out}}}\n'
        )

    def _caller(self, key: tuple[str, str, str]) -> str:
        client, method, host = key
        text = (
            f'"client":{_quote(client)},"method":{_quote(method[:METHOD_LENGTH])},'
            f'"host":{_quote(host[:HOST_LENGTH])}'
        )
        self._callers[key] = text
        return text

    def _end(self, key: tuple[str | bool | None, ...]) -> str:
        text = ",".join(f'"{name}":{dumps(value)}' for name, value in zip(_END_NAMES, key, strict=True))
        self._ends[key] = text
        return text


def shown_path(target: str) -> str:
    """The path of a request target: without query, and without the authority of an absolute form."""
    path = target.partition("?")[0].partition("#")[0]
    if path.startswith("/") or path == "*":
        return path[:PATH_LENGTH]
    scheme, mark, rest = path.partition("://")
    if not mark:
        return "-"
    return ("/" + rest.partition("/")[2])[:PATH_LENGTH] if scheme else "-"
