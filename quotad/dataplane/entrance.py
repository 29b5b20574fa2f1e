"""Steps 2 to 4 of a request's life: what it says, where it wants to go, and who sends it.

Each raises ``RefusedError``; none of them costs the caller anything.
"""

from quotad.core.auth_failures import AuthFailures
from quotad.core.credentials import AuthRefusal, authenticate, check_key_pair
from quotad.core.forwarding import offered
from quotad.core.http import HeadError
from quotad.core.outcome import Outcome
from quotad.core.plans import Secret, Subject
from quotad.core.proven import Proven
from quotad.core.replies import Refusal
from quotad.core.request import RequestFields, RequestLine, check_request, host_name
from quotad.core.routing import AmbiguousPathError
from quotad.dataplane.caller import RefusedError
from quotad.dataplane.heads import Head, Heads
from quotad.dataplane.plane import Plane
from quotad.dataplane.snapshot import Caller, Entry

_SAID_NOTHING = ("hmac_missing", "signature_missing")


def parse(plane: Plane, head: bytes | Head, outcome: Outcome) -> tuple[RequestLine, RequestFields]:
    """Read a head, unless it was read before: its lines, the last one without its CRLF."""
    try:
        if isinstance(head, Head):
            line, fields = head.line, head.fields
            outcome.bytes_in = head.size
            outcome.method = line.method_text
            outcome.target = line.target_text
        else:
            outcome.bytes_in = len(head) + 4
            line, fields = _read(plane.heads, head, outcome)
        outcome.host = fields.host_name
        if fields.trace is not None:
            outcome.trace_id = fields.trace.trace_id
        if plane.sampler is not None:
            plane.sampler.begin(fields.trace, outcome)
        if not (line.plain and fields.plain):
            check_request(line, fields)
    except HeadError as error:
        raise RefusedError(Refusal(error.key)) from None
    if line.authority:
        outcome.host = host_name(line.authority)
    return line, fields


def _read(heads: Heads, head: bytes, outcome: Outcome) -> tuple[RequestLine, RequestFields]:
    """A head that is not remembered as a whole; its parts may be. Raises HeadError."""
    first, _, block = head.partition(b"\r\n")
    line = heads.request_lines[first]
    outcome.method = line.method_text
    outcome.target = line.target_text
    return line, heads.fields(line, head, block)


def route(plane: Plane, line: RequestLine, fields: RequestFields, outcome: Outcome) -> Entry:
    """Where it wants to go."""
    try:
        snapshot = plane.snapshot.current
        entry = snapshot.router.find(outcome.host, line.target)
    except AmbiguousPathError:
        raise RefusedError(Refusal("ambiguous_path")) from None
    if entry is None:
        raise RefusedError(Refusal("no_route"))
    if entry.generation != snapshot.table.generation:
        entry.renew()
    if entry.refusal_key:
        raise RefusedError(Refusal(entry.refusal_key))
    outcome.service_id = entry.service_id
    outcome.environment = entry.environment
    if entry.apis is not None:
        outcome.api_id = _api_of(entry, line, fields)
    if fields.length > entry.body_bytes > 0:
        raise RefusedError(Refusal("body_too_large"))
    if (
        fields.upgrades
        and plane.recorder.tunnels >= plane.listen.max_tunnels
        and offered(line, fields, entry.rule.upgrades)
    ):
        raise RefusedError(Refusal("too_many_tunnels"))
    return entry


def place(plane: Plane, line: RequestLine, fields: RequestFields, outcome: Outcome) -> Entry:
    """Where a request wants to go that another proxy forwards: also to a route without a backend here."""
    # As in ``route``, written out: shared functions cost each of the callers' own requests 0.2 us.
    snapshot = plane.snapshot.current
    try:
        entry = snapshot.router.find(outcome.host, line.target)
    except AmbiguousPathError:
        raise RefusedError(Refusal("ambiguous_path")) from None
    if entry is None:
        raise RefusedError(Refusal("no_route"))
    if entry.generation != snapshot.table.generation:
        entry.renew()
    if entry.closed_key:
        raise RefusedError(Refusal(entry.closed_key))
    outcome.service_id = entry.service_id
    outcome.environment = entry.environment
    if entry.apis is not None:
        outcome.api_id = _api_of(entry, line, fields)
    return entry


def _api_of(entry: Entry, line: RequestLine, fields: RequestFields) -> str:
    """Which single Api is asked for. Raises RefusedError for none, but a preflight that passes needs none."""
    if entry.rule.preflight_pass and fields.preflight and line.method == b"OPTIONS":
        return ""
    try:
        api_id = entry.api_of(line.method, line.target)
    except AmbiguousPathError:
        raise RefusedError(Refusal("ambiguous_path")) from None
    if not api_id:
        raise RefusedError(Refusal("no_api"))
    return api_id


def throttles_of(entry: Entry, line: RequestLine, outcome: Outcome) -> list[Subject]:
    """What bounds all callers of what is asked for, the narrowest first. Raises RefusedError."""
    try:
        return entry.throttles(line.method, line.target, outcome.api_id)
    except AmbiguousPathError:
        raise RefusedError(Refusal("ambiguous_path")) from None


def authenticate_caller(
    plane: Plane, entry: Entry, line: RequestLine, fields: RequestFields, outcome: Outcome
) -> Caller | None:
    """Who calls, under which plan; None for a CORS preflight that passes uncounted."""
    rules, now_s = entry.auth, plane.wall()
    if plane.auth_failures is not None:
        hold_back(plane, plane.auth_failures, outcome)
    if (
        fields.preflight
        and line.method == b"OPTIONS"
        and entry.rule.preflight_pass
        and not (fields.only_key_pair and rules.key_pair)
    ):
        return None
    proven = fields.proven
    secret = None if proven is None else proven.again(entry.secrets, rules, now_s)
    if secret is None:
        found = _compare(entry, fields, now_s)
        if isinstance(found, AuthRefusal):
            note_failure(plane, found.key, outcome)
            raise RefusedError(Refusal(found.key, found.detail, auth=rules))
        secret = found
    return caller_of(entry, secret, outcome)


def _compare(entry: Entry, fields: RequestFields, now_s: float) -> Secret | AuthRefusal:
    """Who the credentials prove their sender to be, which is kept with them."""
    rules, secrets, proven = entry.auth, entry.secrets, Proven()
    proven.under(rules)
    if fields.only_key_pair and rules.key_pair:
        found = check_key_pair(fields.secret_id, fields.secret_key, secrets, now_s, proven)
    else:
        found = authenticate(tuple(fields.pairs()), secrets, rules, now_s, proven)
    fields.proven = proven if isinstance(found, Secret) and proven.secret is found else None
    return found


def caller_of(entry: Entry, secret: Secret, outcome: Outcome) -> Caller:
    """Under which plan a Secret calls."""
    outcome.secret_id = secret.secret_id
    if entry.apis is None:
        caller = entry.caller(secret)
    else:
        caller = entry.api_caller(secret, outcome.api_id)
        # Under the default plan it counts as one of the environment's.
        outcome.api_id = "" if caller is None else caller.subject.api_id
    if caller is None:
        raise RefusedError(Refusal("no_plan"))
    outcome.plan_id = caller.plan_id
    return caller


def hold_back(plane: Plane, failures: AuthFailures, outcome: Outcome) -> None:
    """Refuse whoever has failed too often, before anything that it says is compared."""
    wait_s = failures.wait_s(outcome.client, plane.clock())
    if wait_s:
        raise RefusedError(Refusal("auth_slowed", retry_after_s=wait_s))


def note_failure(plane: Plane, key: str, outcome: Outcome) -> None:
    """A caller was refused for what it said of itself; that it said nothing is no guess."""
    if plane.auth_failures is not None and key not in _SAID_NOTHING:
        plane.auth_failures.failed(outcome.client, plane.clock())
