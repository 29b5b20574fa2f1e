"""The last refusals of this process, for whoever has a request id and asks why.

What is kept are the Outcomes that exist anyway: nothing is made or written for it while a request is
answered, and what is said about one is put together when somebody asks.

A request id is 12 hex digits that name the process start, as its Entries in the store do, and the
request's number there in 8 or more.
"""

import re
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any

from quotad.clock import MonotonicClock, WallClock
from quotad.core.outcome import Outcome
from quotad.core.quota import Answer
from quotad.core.replies import ROWS
from quotad.core.usage_rows import stamp, window
from quotad.core.verdict import Verdict
from quotad.telemetry.log_line import HOST_LENGTH, PATH_LENGTH, shown_path

KEPT = 10_000
"""Refusals of callers that proved who they are: a plan's limits, no plan, no store."""

KEPT_OF_STRANGERS = 1_000
"""Of callers that did not, apart, so that a flood of them pushes nobody out."""

PREFIX_LENGTH = 12

_ID = re.compile(r"[0-9a-f]{12}[0-9a-f]{8,16}")

Row = dict[str, Any]


def is_request_id(text: str) -> bool:
    """Whether ``text`` has the form of a request id."""
    return _ID.fullmatch(text) is not None


class RefusalBook:
    """Remembers refused requests, the oldest forgotten first. One per process."""

    __slots__ = ("_kept", "_monotonic_s", "_strangers", "_wall_s", "count", "sidecar")

    def __init__(self, sidecar: str, wall_s: WallClock, monotonic_s: MonotonicClock) -> None:
        self.sidecar = sidecar
        """What this process's request ids begin with."""
        self.count = 0
        """Refusals of callers that proved who they are, so far."""
        self._wall_s = wall_s
        self._monotonic_s = monotonic_s
        self._kept: deque[Outcome] = deque(maxlen=KEPT)
        self._strangers: deque[Outcome] = deque(maxlen=KEPT_OF_STRANGERS)

    def keep(self, outcome: Outcome) -> None:
        """Remember one refused request, with no more of its target than the access log shows."""
        if len(outcome.target) > PATH_LENGTH:
            outcome.target = outcome.target[:PATH_LENGTH]
        if len(outcome.host) > HOST_LENGTH:
            outcome.host = outcome.host[:HOST_LENGTH]
        if outcome.secret_id:
            self._kept.append(outcome)
            self.count += 1
        else:
            self._strangers.append(outcome)

    def newest(self, count: int) -> Iterator[Outcome]:
        """So many of them, the newest first; fewer when older ones are forgotten."""
        return islice(reversed(self._kept), count)

    def find(self, request_id: str) -> Row | None:
        """What is known of a request; None when its id is none of this process.

        With ``missing`` there is nothing more: ``aged_out`` (it was refused before all that is remembered,
        or not at all) or ``not_refused`` (or not over yet).
        """
        if not request_id.startswith(self.sidecar):
            return None
        for book in (self._kept, self._strangers):
            for outcome in reversed(book):
                if outcome.request_id == request_id:
                    return self._story(outcome)
        gone = any(_is_before(request_id, book) for book in (self._kept, self._strangers))
        missing = "aged_out" if gone else "not_refused"
        return {"requestId": request_id, "sidecar": self.sidecar, "missing": missing}

    def _story(self, outcome: Outcome) -> Row:
        verdict = outcome.verdict
        ended_s = self._wall_s() - (self._monotonic_s() - outcome.ended_s)
        story: Row = {
            "requestId": outcome.request_id,
            "traceId": outcome.trace_id,
            "sidecar": self.sidecar,
            "at": stamp(int(ended_s * 1e6)),
            "method": outcome.method,
            "host": outcome.host,
            "path": shown_path(outcome.target),
            "status": outcome.status,
            "reason": outcome.reason,
            "detail": ROWS[outcome.reason].detail,
            "limit": outcome.limit,
            "serviceId": outcome.service_id,
            "environment": outcome.environment,
            "apiId": outcome.api_id,
            "usagePlanId": outcome.plan_id,
            "secretId": outcome.secret_id,
            "retryAfter": None if verdict is None else verdict.retry_after_s,
            "comesBackAt": None,
        }
        if verdict is not None and verdict.answer is not None:
            story |= _numbers(verdict, verdict.answer)
        return story


def _is_before(request_id: str, book: deque[Outcome]) -> bool:
    """Whether the book is full, and begins after this request."""
    if len(book) != book.maxlen:
        return False
    # Decisions for other proxies have numbers of their own, with more digits.
    first = next((each.request_id for each in book if len(each.request_id) == len(request_id)), request_id)
    return int(request_id[PREFIX_LENGTH:], 16) < int(first[PREFIX_LENGTH:], 16)


def _numbers(verdict: Verdict, answer: Answer) -> Row:
    """What the store said with the refusal."""
    plan = verdict.subject.plan
    return {
        "usagePlanName": plan.usage_plan_name,
        "subject": verdict.subject.tag,
        "decidedAt": stamp(answer.now_us),
        "comesBackAt": stamp(answer.now_us + answer.retry_us) if answer.retry_us else None,
        "inFlightOnly": bool(answer.held_only),
        "windows": {
            "day": window(answer.day_charged, answer.day_open, answer.day_limit, answer.day_end_us),
            "month": window(answer.month_charged, answer.month_open, answer.month_limit, answer.month_end_us),
            "total": window(answer.total_charged, answer.total_open, answer.total_limit, 0),
        },
        "rate": {"rateRps": answer.rate_limit, "burst": answer.burst, "left": answer.tokens},
    }
