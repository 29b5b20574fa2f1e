"""One configuration version as requests see it; a reload swaps it whole, requests keep theirs.

The table in it may change between requests (control records): what was made of it is made anew.
"""

from collections.abc import Callable, Sequence
from ssl import SSLContext

from quotad.config.certificates import CertificateError, client_context, content_digest, server_context
from quotad.config.model import ListenTls, Route, UpstreamTls
from quotad.core.apis import ApiMatcher
from quotad.core.forwarding import standing_lines
from quotad.core.plans import Secret, Subject
from quotad.core.request import RequestFields, RequestLine
from quotad.core.routing import Router, strip_prefix
from quotad.core.table import Table
from quotad.dataplane.fleet import Fleet
from quotad.dataplane.spec import FleetSpec, Trust

_MAKERS = 16
"""For so many routes is kept what was made of the same fields."""


class Caller:
    """A Secret on a route: its plan's Subject, and what the backend is told about it."""

    __slots__ = ("lines", "plan_id", "shadow", "subject")

    def __init__(self, subject: Subject, secret_id: str, shadow: Subject | None = None) -> None:
        self.subject = subject
        self.shadow = shadow
        """Of a plan that is computed beside this one; None without one."""
        self.plan_id = subject.plan.usage_plan_id
        self.lines = (
            f"X-Quotad-Secret-Id: {secret_id}\r\n"
            f"X-Quotad-Plan-Id: {self.plan_id}\r\n"
            f"X-Quotad-Environment: {subject.environment}\r\n"
        ).encode()
        """What the backend is told of the caller; each line with its CRLF."""


class Entry:
    """A route, with all that its requests need made ready."""

    __slots__ = (
        "_callers",
        "_mark",
        "_shadows",
        "_strips",
        "_subjects",
        "_table",
        "_throttled_apis",
        "anonymous_lines",
        "apis",
        "auth",
        "body_bytes",
        "closed_key",
        "environment",
        "fleet",
        "fleet_spec",
        "generation",
        "host",
        "path_prefix",
        "refusal_key",
        "response_timeout_s",
        "rule",
        "secrets",
        "service_id",
        "shows_limits",
        "throttle",
        "throttled",
        "upstream_host",
    )

    def __init__(self, rule: Route, table: Table, trust: Trust | None = None) -> None:
        """``trust``: for ``https://`` upstreams."""
        self.rule = rule
        self._table = table
        self._mark = object()
        """Its name in ``RequestFields.made``, which may outlive it."""
        self.host = rule.host
        self.path_prefix = rule.path_prefix
        self.auth = rule.auth
        self.body_bytes = rule.body_bytes
        self.environment = rule.environment
        self.shows_limits = rule.limit_headers
        self._strips = rule.strip_prefix
        self.response_timeout_s = rule.response_timeout_s
        self.anonymous_lines = f"X-Quotad-Environment: {rule.environment}\r\n".encode()
        self.renew()
        self.fleet_spec = FleetSpec(rule, trust)
        self.fleet: Fleet | None = None
        """Its backends (``fleet.Upstreams`` gives them)."""
        first = next(iter(rule.upstreams), None)
        self.upstream_host = b"localhost" if first is None or first.path else str(first).encode()
        """What Host says when the route does not keep the caller's."""

    def renew(self) -> None:
        """Take over the table as it is now.

        To be called when ``generation`` is not the table's, before anything of a request is looked up.
        """
        table, rule = self._table, self.rule
        self.generation = table.generation
        self.secrets = table.secrets
        self.service_id, self.closed_key = table.entrance(rule.service_id, rule.environment)
        self.refusal_key = self.closed_key or ("" if rule.upstreams else "no_route")
        """Why callers are refused here; ``closed_key``: why decisions for other proxies are, too."""
        self._subjects = table.callers(self.service_id, rule.environment)
        self._shadows = table.shadows(self.service_id, rule.environment)
        self.apis = table.apis(self.service_id, rule.environment)
        """Finds a request's Api; None where plans hold for the whole environment."""
        self.throttle = table.throttle(self.service_id, rule.environment)
        """The Subject of all callers together; None: they are not throttled."""
        self._throttled_apis = table.throttled_apis(self.service_id, rule.environment)
        self.throttled = self.throttle is not None or self._throttled_apis is not None
        """Whether ``throttles`` may be of any request."""
        self._callers: dict[str, Caller] = {}

    def caller(self, secret: Secret) -> Caller | None:
        """What ``secret`` may use here; None without a plan, or with a disabled one (403)."""
        caller = self._callers.get(secret.secret_id)
        if caller is None:
            subject = self._subjects.get(secret.secret_id)
            if subject is None or subject.plan.disabled:
                return None
            shadow = self._shadows.get(secret.secret_id)
            if shadow is not None and shadow.plan.disabled:
                shadow = None
            caller = self._callers[secret.secret_id] = Caller(subject, secret.secret_id, shadow)
        return caller

    def api_caller(self, secret: Secret, api_id: str) -> Caller | None:
        """The same where plans are bound to single Apis, and for a request for this one."""
        key = f"{api_id}/{secret.secret_id}"
        caller = self._callers.get(key)
        if caller is None:
            place, secret_id = (self.service_id, self.environment, api_id), secret.secret_id
            subject = self._table.callers(*place).get(secret_id) or self._subjects.get(secret_id)
            if subject is None or subject.plan.disabled:
                return None
            shadow = self._table.shadows(*place).get(secret_id)
            if shadow is not None and shadow.plan.disabled:
                shadow = None
            caller = self._callers[key] = Caller(subject, secret_id, shadow)
        return caller

    def all_callers(self, secret: Secret) -> list[Caller]:
        """All that ``secret`` may use here: of one Api, or of several."""
        if self.apis is None:
            found = [self.caller(secret)]
        else:
            found = [self.api_caller(secret, api_id) for api_id in self.apis.ids]
        return [caller for caller in found if caller is not None]

    def api_of(self, method: bytes, target: bytes) -> str:
        """Which Api a request is for, with ``apis``; empty: none. Raises AmbiguousPathError."""
        return "" if self.apis is None else self._find(self.apis, method, target)

    def throttles(self, method: bytes, target: bytes, api_id: str) -> list[Subject]:
        """Those that bound a request, the one of its Api first; ``api_id``: if it is known already.

        Raises AmbiguousPathError.
        """
        found = []
        if self._throttled_apis is not None:
            api_id = api_id or self._find(self._throttled_apis, method, target)
            single = self._table.throttle(self.service_id, self.environment, api_id) if api_id else None
            if single is not None:
                found.append(single)
        if self.throttle is not None:
            found.append(self.throttle)
        return found

    def _find(self, apis: ApiMatcher, method: bytes, target: bytes) -> str:
        rule = self.rule
        if rule.strip_prefix:
            target = strip_prefix(target, rule.path_prefix)
        return apis.find(method, target.partition(b"?")[0])

    def standing_lines(self, line: RequestLine, fields: RequestFields, said_host: bytes = b"") -> bytes:
        """``core.forwarding.standing_lines`` for this route."""
        return standing_lines(line, fields, self.rule, self.upstream_host, said_host)

    def usual_lines(self, line: RequestLine, fields: RequestFields) -> bytes:
        """``standing_lines``, kept: most callers send the same fields again and again, but for their keys."""
        if not line.plain or self.auth.pass_credentials:
            return self.standing_lines(line, fields)
        lines = fields.made.get(self._mark)
        if lines is None:
            if len(fields.made) >= _MAKERS:
                fields.made.clear()
            lines = fields.made[self._mark] = self.standing_lines(line, fields)
        return lines

    def start_line(self, line: RequestLine) -> bytes:
        """The first line that goes on, with its CRLF."""
        if not self._strips:
            return line.start
        return b"%b %b HTTP/1.1\r\n" % (line.method, strip_prefix(line.target, self.path_prefix))


class Snapshot:
    """Routes and the table of one configuration version, and the certificates as they are now."""

    __slots__ = ("asking_tls", "entries", "router", "table", "tls")

    def __init__(
        self,
        routes: Sequence[Route],
        table: Table,
        tls: ListenTls | None = None,
        asking_tls: ListenTls | None = None,
    ) -> None:
        """``tls``: of the callers' port; ``asking_tls``: of other proxies'. Raises CertificateError."""
        self.table = table
        self.tls: SSLContext | None = None if tls is None else server_context(tls)
        """For callers who connect from now on."""
        self.asking_tls: SSLContext | None = None if asking_tls is None else server_context(asking_tls)
        """The same for other proxies that ask."""
        trusts = _trusts(routes)
        self.entries = tuple(Entry(route, table, trusts.get(route.upstream_tls)) for route in routes)
        self.router = Router(self.entries)


def _trusts(routes: Sequence[Route]) -> dict[UpstreamTls, Trust]:
    """One for each way to speak TLS. Raises CertificateError."""
    trusts: dict[UpstreamTls, Trust] = {}
    for route in routes:
        tls = route.upstream_tls
        if tls in trusts or not any(address.tls for address in route.upstreams):
            continue
        try:
            trusts[tls] = Trust(client_context(tls), tls.server_name, f"{tls.verify}{content_digest(tls)}")
        except CertificateError as error:
            where = f"{route.host or '*'}{route.path_prefix}"
            raise CertificateError(error.path, f"upstreams of {where}: {error.message}") from None
    return trusts


class SnapshotHolder:
    """Where the data plane finds the Snapshot in force."""

    __slots__ = ("current", "watchers")

    def __init__(self, snapshot: Snapshot) -> None:
        self.current = snapshot
        self.watchers: list[Callable[[Snapshot], None]] = []
        """Called when another has come into force."""

    def take(self, snapshot: Snapshot) -> None:
        """This one is in force from now on."""
        self.current = snapshot
        for watcher in self.watchers:
            watcher(snapshot)
