"""``GET /.well-known/quotad/usage``: whose use a caller may see, and how it is shown (docs/clients.md)."""

from collections.abc import Sequence
from json import dumps

from quotad.config.model import AuthRules
from quotad.core.credentials import AuthRefusal, authenticate
from quotad.core.outcome import Outcome
from quotad.core.plans import Secret, Subject
from quotad.core.quota import Usage
from quotad.core.replies import Refusal
from quotad.core.request import RequestFields, RequestLine
from quotad.core.signature import REPLAY_REACH, Message, Proof, is_signed, verify
from quotad.core.usage_rows import Page, document
from quotad.dataplane.caller import RefusedError
from quotad.dataplane.entrance import hold_back, note_failure
from quotad.dataplane.own_use import OwnUse
from quotad.dataplane.plane import Plane
from quotad.dataplane.snapshot import Entry, Snapshot


class OwnView:
    """One caller's view of what it has in use, on all routes of the host that it asked."""

    __slots__ = ("_snapshot", "proof", "subjects")

    def __init__(self, snapshot: Snapshot, subjects: Sequence[Subject], proof: Proof | None = None) -> None:
        self._snapshot = snapshot
        self.subjects = subjects
        self.proof = proof
        """Of a strong signature, whose nonce is still to be spent; the strictest route's."""

    def body(self, usages: Sequence[Usage]) -> bytes:
        """The answer's content; ``usages`` belong to ``subjects``, one each."""
        count = len(self.subjects)
        shown = document(self._snapshot.table, Page(self.subjects, count, count), usages)
        return dumps(shown, separators=(",", ":")).encode()


def own_view(
    plane: Plane,
    own_use: OwnUse,
    request: tuple[RequestLine, RequestFields, Outcome],
    message: Message | None = None,
) -> OwnView:
    """Who asks, and what it may see; ``message``: for a strong signature, if it has one. Raises RefusedError.

    A caller is known as on any route of this host; it sees what it may use there, and nothing of
    others. It costs nothing, so a bound of its own holds.
    """
    line, fields, outcome = request
    if line.method not in (b"GET", b"HEAD"):
        raise RefusedError(Refusal("own_use_method"))
    snapshot = plane.snapshot.current
    routes = snapshot.router.routes(outcome.host)
    for entry in routes:
        if entry.generation != snapshot.table.generation:
            entry.renew()
    entries = [entry for entry in routes if not entry.closed_key]
    if not entries:
        raise RefusedError(Refusal(routes[0].closed_key if routes else "no_route"))
    if plane.auth_failures is not None:
        hold_back(plane, plane.auth_failures, outcome)
    knowing = _knowing(entries, fields, plane.wall(), message)
    found = _subjects(plane, knowing, outcome)
    if not own_use.admits(outcome.secret_id):
        raise RefusedError(Refusal("own_use_rate", retry_after_s=1))
    if not found:
        raise RefusedError(Refusal("no_plan"))
    proofs = [known for _, known in knowing if isinstance(known, Proof)]
    return OwnView(snapshot, found, max(proofs, key=lambda proof: REPLAY_REACH[proof.replay], default=None))


_Known = Secret | Proof | AuthRefusal


def _knowing(
    entries: Sequence[Entry], fields: RequestFields, now_s: float, message: Message | None
) -> list[tuple[Entry, _Known]]:
    """What the rules of each route say of the caller; the same rules are asked once."""
    headers = tuple(fields.pairs())
    said: dict[AuthRules, _Known] = {}
    for entry in entries:
        rules = entry.auth
        if rules in said:
            continue
        if message is not None and is_signed(fields, rules):
            said[rules] = verify(message, entry.secrets, rules.signature_rules, now_s)
        else:
            said[rules] = authenticate(headers, entry.secrets, rules, now_s)
    return [(entry, said[entry.auth]) for entry in entries]


def _subjects(plane: Plane, knowing: Sequence[tuple[Entry, _Known]], outcome: Outcome) -> list[Subject]:
    """The Subjects that the caller of these routes uses. Raises RefusedError when none knows it."""
    refusal: Refusal | None = None
    found: dict[str, Subject] = {}
    for entry, known in knowing:
        if isinstance(known, AuthRefusal):
            refusal = refusal or Refusal(known.key, known.detail, auth=entry.auth)
            continue
        secret = known.secret if isinstance(known, Proof) else known
        outcome.secret_id = secret.secret_id
        for caller in entry.all_callers(secret):
            found[caller.subject.tag] = caller.subject
    if refusal is not None and not outcome.secret_id:
        note_failure(plane, refusal.key, outcome)
        raise RefusedError(refusal)
    return list(found.values())
