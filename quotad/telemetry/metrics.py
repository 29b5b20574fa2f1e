"""The hot side of metrics: one call per request that adds to plain integers.

Nothing here knows Prometheus; ``collector`` reads these numbers at scrape time.

Which series exist is decided by the configuration, never by a caller: a row is made for each
environment that a route names and for each plan that a caller who proved its Secret reached.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

from quotad.core.histogram import Histogram
from quotad.core.outcome import Outcome, status_class
from quotad.core.plans import Environment, Subject
from quotad.core.replies import ROWS
from quotad.core.table import PlanTable, Table

CODE_CLASSES = ("2xx", "3xx", "4xx", "5xx", "others")
SHADOW_VERDICTS = ("admitted", "rate", "day", "month", "total", "store")
MAX_ROWS = 10_000
"""Requests of any further (service, environment, plan) are counted in the row without names."""

_STATUSES: Final = 1000
_CLASS_INDEX: Final = tuple(CODE_CLASSES.index(status_class(status)) for status in range(_STATUSES))
_UNAUTHORIZED = 401
_DENIED = frozenset(("rate", "quota", "store", "overload", "throttle", "api_throttle"))
"""The keys of ``core.replies`` with which the engine refuses."""
_THROTTLES = frozenset(("throttle", "api_throttle"))
"""Those of them that are no plan's rate."""


REFUSING = frozenset(key for key in ROWS if not key.startswith("upstream_")) - {"internal"}
"""The keys of ``core.replies`` that say no to a caller; the others tell what broke behind us."""

Take = Callable[[Outcome], None]


class RoutePlace(Protocol):
    """What is read of a route: ``config.model.Route``."""

    @property
    def service_id(self) -> str:
        """The service that the route names."""

    @property
    def environment(self) -> str:
        """The environment that the route names."""


Place = tuple[str, str, str, str]
"""Service, environment, plan, and the Api where plans are bound to single ones."""


class Row:
    """Counts of one place; ``plan`` is empty for callers that reached none."""

    __slots__ = ("api_id", "classes", "denied", "environment", "plan_id", "secrets", "service_id")

    def __init__(self, service_id: str, environment: str, plan_id: str, api_id: str = "") -> None:
        self.api_id = api_id
        self.service_id = service_id
        self.environment = environment
        self.plan_id = plan_id
        self.classes = [0] * len(CODE_CLASSES)
        self.denied: dict[str, int] = {}
        """By the plan's limit that refused, else by the refusal's key in ``core.replies``."""
        self.secrets: set[str] | None = None
        """Under ``scope: secret``: whose Subjects this process has served."""

    @property
    def place(self) -> Place:
        """What is counted here."""
        return self.service_id, self.environment, self.plan_id, self.api_id


class ShadowRow:
    """What a shadow plan would have said of the requests of one place."""

    __slots__ = ("api_id", "environment", "plan_id", "secrets", "service_id", "verdicts")

    def __init__(self, subject: Subject) -> None:
        self.api_id = subject.api_id
        self.service_id = subject.service_id
        self.environment: Environment = subject.environment
        self.plan_id = subject.plan.usage_plan_id
        self.verdicts = dict.fromkeys(SHADOW_VERDICTS, 0)
        self.secrets: set[str] = set()
        """Whose Subjects were asked for; one without a name unless the scope is ``secret``."""

    @property
    def place(self) -> Place:
        """What is counted here."""
        return self.service_id, self.environment, self.plan_id, self.api_id


class Recorder:
    """Adds up the Outcomes of requests. One per process, used on the event loop's thread only."""

    __slots__ = (
        "_anonymous",
        "_keep_refusal",
        "_last",
        "_log",
        "_rows",
        "_shadows",
        "auth_failures",
        "request_duration",
        "spans",
        "table",
        "tunnel_bytes",
        "tunnel_s",
        "tunnels",
        "tunnels_ended",
        "upstream_duration",
    )

    def __init__(self, log: Take | None = None, keep_refusal: Take | None = None) -> None:
        """``log`` takes every Outcome, ``keep_refusal`` those of requests that were refused."""
        self._log = log
        self._keep_refusal = keep_refusal
        self._anonymous = Row("", "", "")
        self._rows: dict[Place, Row] = {self._anonymous.place: self._anonymous}
        self._shadows: dict[Place, ShadowRow] = {}
        self._last = self._anonymous
        """Of the request that ended last."""
        self.spans: Take | None = None
        """Takes the Outcomes of requests that are recorded as spans."""
        self.table: Table = PlanTable()
        self.auth_failures = {key: 0 for key, reply in ROWS.items() if reply.status == _UNAUTHORIZED}
        self.auth_failures["auth_slowed"] = 0
        """By the refusal's key in ``core.replies``."""
        self.request_duration = Histogram()
        self.upstream_duration = Histogram()
        self.tunnels = 0
        """Open now (``dataplane.plane.Recorder``)."""
        self.tunnels_ended = 0
        self.tunnel_s = 0.0
        """Of those that have ended, all together."""
        self.tunnel_bytes = {"in": 0, "out": 0}
        """Likewise: from callers, and to them."""

    def configure(self, routes: Iterable[RoutePlace], table: Table) -> None:
        """Take over a (changed) configuration. What was counted stays."""
        self.table = table
        for route in routes:
            # Of control records one may be known by a name alone, until they are read.
            if route.service_id:
                row = Row(route.service_id, route.environment, "")
                self._rows.setdefault(row.place, row)
        for row in self._rows.values():
            self._match_scope(row)

    def record(self, outcome: Outcome) -> None:
        """Count one ended request, and hand it to the access log."""
        row = self._last
        # Equal words of one configuration are one object: to look the place up is ten times as much.
        if (
            row.plan_id is not outcome.plan_id
            or row.service_id is not outcome.service_id
            or row.environment is not outcome.environment
            or row.api_id is not outcome.api_id
        ):
            row = self._last = self._row_of(outcome)
        status = outcome.status
        row.classes[_CLASS_INDEX[status] if 0 <= status < _STATUSES else -1] += 1
        if row.secrets is not None:
            row.secrets.add(outcome.secret_id)
        duration_s = outcome.ended_s - outcome.started_s
        if outcome.tunnel_s:
            self._tunnel(outcome)
            # The answer was the 101: hours of a tunnel would say nothing of how quickly callers are served.
            duration_s -= outcome.tunnel_s
        self.request_duration.observe(duration_s)
        if outcome.upstream_s:
            self.upstream_duration.observe(outcome.upstream_s)
        if outcome.reason:
            self._refused(row, outcome)
        if outcome.span_id and self.spans is not None:
            self.spans(outcome)
        if self._log is not None:
            self._log(outcome)

    def shadow(self, subject: Subject, verdict: str) -> None:
        """Count what a shadow plan would have said of one request: one of ``SHADOW_VERDICTS``."""
        row = self._shadow_row(subject)
        if row is not None:
            row.verdicts[verdict] += 1
            row.secrets.add(subject.secret_id)

    def meet(self, place: Place, secret_ids: Iterable[str]) -> None:
        """Another process served these callers, and counts for itself: here they only are among ``served``.

        ``secret_ids`` matters under ``scope: secret``.
        """
        row = self._rows.get(place)
        if row is None:
            # Its plan may be one that is not known here yet; until it is, it is not among ``served``.
            if len(self._rows) >= MAX_ROWS:
                return
            row = self._rows[place] = Row(*place)
            row.secrets = set()
            if row.plan_id in self.table.plans:
                self._match_scope(row)
        if row.secrets is not None:
            row.secrets.update(secret_ids)

    def meet_shadows(self, place: tuple[str, Environment, str, str], secret_ids: Iterable[str]) -> None:
        """The same for the Subjects of a shadow plan: here they only are among ``shadowed``."""
        service_id, environment, plan_id, api_id = place
        subject = self.table.bound_shadows(service_id, environment, api_id).get(plan_id)
        row = None if subject is None else self._shadow_row(subject)
        if row is not None:
            row.secrets.update(secret_ids)

    def shadow_rows(self) -> Iterator[ShadowRow]:
        """A row for each place and shadow plan that was asked."""
        yield from self._shadows.values()

    def rows(self) -> Iterator[Row]:
        """Every row; the first has no names and holds what reached no known route."""
        yield from self._rows.values()

    def served(self) -> Iterator[tuple[Row, list[Subject]]]:
        """Rows with a plan that is still configured, and the Subjects that this process served in them."""
        for row in self._rows.values():
            plan = self.table.plans.get(row.plan_id)
            service = self.table.services.get(row.service_id)
            if plan is None or service is None:
                continue
            if row.secrets is not None:
                row.secrets &= self.table.secrets.keys()
            for environment in service.environments:
                if environment == row.environment:
                    secret_ids = sorted(row.secrets) if row.secrets is not None else [""]
                    place = plan, service.service_id, environment
                    yield row, [Subject(*place, each, api_id=row.api_id) for each in secret_ids]

    def shadowed(self) -> Iterator[list[Subject]]:
        """The Subjects of shadow plans that this process asked, by plan, service and environment.

        As configured now: what is bound no more has no Subject.
        """
        for row in self._shadows.values():
            place = row.service_id, row.environment, row.api_id
            shared = self.table.bound_shadows(*place).get(row.plan_id)
            if shared is None:
                continue
            if shared.plan.scope != "secret":
                yield [shared]
                continue
            callers = self.table.shadows(*place)
            own = [callers.get(secret_id) for secret_id in sorted(row.secrets)]
            found = [each for each in own if each is not None and each.plan.usage_plan_id == row.plan_id]
            if found:
                yield found

    def _shadow_row(self, subject: Subject) -> ShadowRow | None:
        key = (subject.service_id, subject.environment, subject.plan.usage_plan_id, subject.api_id)
        row = self._shadows.get(key)
        if row is None and len(self._shadows) < MAX_ROWS:
            row = self._shadows[key] = ShadowRow(subject)
        return row

    def _tunnel(self, outcome: Outcome) -> None:
        self.tunnels_ended += 1
        self.tunnel_s += outcome.tunnel_s
        self.tunnel_bytes["in"] += outcome.bytes_in
        self.tunnel_bytes["out"] += outcome.bytes_out

    def _refused(self, row: Row, outcome: Outcome) -> None:
        reason = outcome.reason
        if self._keep_refusal is not None and reason in REFUSING:
            self._keep_refusal(outcome)
        if reason in self.auth_failures:
            self.auth_failures[reason] += 1
        elif reason in _DENIED and row.plan_id:
            if outcome.limit not in ("", "none") and reason not in _THROTTLES:
                reason = outcome.limit
            row.denied[reason] = row.denied.get(reason, 0) + 1

    def _row_of(self, outcome: Outcome) -> Row:
        row = self._rows.get((outcome.service_id, outcome.environment, outcome.plan_id, outcome.api_id))
        if row is not None:
            return row
        # Only a proven Secret of the configuration makes a row (semantics S10).
        if not outcome.secret_id or outcome.plan_id not in self.table.plans or len(self._rows) >= MAX_ROWS:
            return self._rows.get((outcome.service_id, outcome.environment, "", ""), self._anonymous)
        row = Row(outcome.service_id, outcome.environment, outcome.plan_id, outcome.api_id)
        self._match_scope(row)
        self._rows[row.place] = row
        return row

    def _match_scope(self, row: Row) -> None:
        plan = self.table.plans.get(row.plan_id)
        if plan is None or plan.scope != "secret":
            row.secrets = None
        elif row.secrets is None:
            row.secrets = set()
