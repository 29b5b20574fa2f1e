"""``GET /.well-known/quotad/usage``: whose use a caller may see, and how it is shown (docs/clients.md)."""

from collections.abc import Sequence
from json import dumps

from quotad.core.credentials import AuthRefusal, authenticate
from quotad.core.outcome import Outcome
from quotad.core.plans import Subject
from quotad.core.quota import Usage
from quotad.core.replies import Refusal
from quotad.core.request import RequestFields, RequestLine
from quotad.core.usage_rows import Page, document
from quotad.dataplane.caller import RefusedError
from quotad.dataplane.entrance import hold_back, note_failure
from quotad.dataplane.own_use import OwnUse
from quotad.dataplane.plane import Plane
from quotad.dataplane.snapshot import Entry, Snapshot


class OwnView:
    """One caller's view of what it has in use, on all routes of the host that it asked."""

    __slots__ = ("_snapshot", "subjects")

    def __init__(self, snapshot: Snapshot, subjects: Sequence[Subject]) -> None:
        self._snapshot = snapshot
        self.subjects = subjects

    def body(self, usages: Sequence[Usage]) -> bytes:
        """The answer's content; ``usages`` belong to ``subjects``, one each."""
        count = len(self.subjects)
        shown = document(self._snapshot.table, Page(self.subjects, count, count), usages)
        return dumps(shown, separators=(",", ":")).encode()


def own_view(plane: Plane, own_use: OwnUse, request: tuple[RequestLine, RequestFields, Outcome]) -> OwnView:
    """Who asks, and what it may see. Raises RefusedError.

    A caller is known as on any route of this host; it sees what it may use there, and nothing of
    others. It costs nothing, so a bound of its own holds.
    """
    line, fields, outcome = request
    if line.method not in (b"GET", b"HEAD"):
        raise RefusedError(Refusal("own_use_method"))
    snapshot = plane.snapshot.current
    entries = snapshot.router.routes(outcome.host)
    if not entries:
        raise RefusedError(Refusal("no_route"))
    if plane.auth_failures is not None:
        hold_back(plane, plane.auth_failures, outcome)
    found = _subjects(plane, entries, fields, outcome)
    if not own_use.admits(outcome.secret_id):
        raise RefusedError(Refusal("own_use_rate", retry_after_s=1))
    if not found:
        raise RefusedError(Refusal("no_plan"))
    return OwnView(snapshot, found)


def _subjects(
    plane: Plane, entries: Sequence[Entry], fields: RequestFields, outcome: Outcome
) -> list[Subject]:
    """The Subjects that the caller of these routes uses. Raises RefusedError when none knows it."""
    headers, now_s = tuple(fields.pairs()), plane.wall()
    refusal: Refusal | None = None
    found: dict[str, Subject] = {}
    proven = {
        rules: authenticate(headers, entries[0].secrets, rules, now_s)
        for rules in dict.fromkeys(entry.auth for entry in entries)
    }
    for entry in entries:
        secret = proven[entry.auth]
        if isinstance(secret, AuthRefusal):
            refusal = refusal or Refusal(secret.key, secret.detail, auth=entry.auth)
            continue
        outcome.secret_id = secret.secret_id
        caller = entry.caller(secret)
        if caller is not None:
            found[caller.subject.tag] = caller.subject
    if refusal is not None and not outcome.secret_id:
        note_failure(plane, refusal.key, outcome)
        raise RefusedError(refusal)
    return list(found.values())
