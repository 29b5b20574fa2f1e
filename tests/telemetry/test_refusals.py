import json

import pytest

from quotad.core.outcome import Outcome
from quotad.core.plans import Subject
from quotad.core.quota import Limit
from quotad.core.reference import Reference
from quotad.core.verdict import Verdict
from quotad.telemetry import refusals as module
from quotad.telemetry.metrics import Recorder
from quotad.telemetry.refusals import RefusalBook, is_request_id
from tests.support.engines import START_US, World, get
from tests.support.samples import SERVICE, SHARED, TABLE, Place, outcome

SIDECAR = "0123456789ab"


def request_id(number: int) -> str:
    """The id of a request of this sidecar."""
    return f"{SIDECAR}{number:08x}"


@pytest.fixture
def book() -> RefusalBook:
    """A process that has run for 100 s on a wall clock of 1,795,000,000 s."""
    return RefusalBook(SIDECAR, lambda: 1_795_000_000.0, lambda: 100.0)


def refusal(number: int, reason: str = "rate", secret_id: str = "AKIDa") -> Outcome:
    """A request that was refused ten seconds ago."""
    made = outcome(429)
    made.request_id, made.reason, made.limit, made.ended_s = request_id(number), reason, "rate", 90.0
    made.secret_id = secret_id
    return made


async def test_a_refusal_says_which_limit_and_what_was_left(book: RefusalBook) -> None:
    """With the store's own numbers of that moment: use, limits, ends, and when it comes back."""
    world = World(reference=Reference())
    subject = Subject(SHARED, SERVICE.service_id, "release")
    requests = await get(world.sidecar(), subject, SHARED.rate_rps + 1)
    refused = refusal(7)
    refused.verdict = requests[-1].told
    refused.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    book.keep(refused)
    story = book.find(request_id(7))
    assert story is not None
    assert {name: story[name] for name in ("requestId", "sidecar", "at", "status", "reason", "limit")} == {
        "requestId": request_id(7),
        "sidecar": SIDECAR,
        "at": "2026-11-18T11:06:30Z",
        "status": 429,
        "reason": "rate",
        "limit": "rate",
    }
    assert story["detail"] == "API rate limit exceeded."
    assert story["traceId"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert story["subject"] == subject.tag
    assert story["retryAfter"] == 1
    assert story["rate"] == {"rateRps": 5, "burst": 5, "left": 0}
    assert story["windows"]["day"] | {"endsAt": ""} == {
        "inUse": 5, "held": 0, "max": 100, "left": 95, "overage": 0, "onBreach": "deny", "endsAt": "",
    }  # fmt: skip
    assert story["decidedAt"] == "2025-06-15T15:06:40Z"
    assert START_US == 1_750_000_000_000_000
    json.dumps(story)


def test_a_refusal_without_numbers_is_told_too(book: RefusalBook) -> None:
    """Where the store did not decide, or was not asked, what is known is told."""
    unanswered = refusal(1, "store")
    unanswered.verdict = Verdict(Subject(SHARED, SERVICE.service_id, "release"), False, None)
    unanswered.verdict.limit = Limit.NONE
    book.keep(unanswered)
    book.keep(refusal(2, "secret_invalid", secret_id=""))
    for number, words in ((1, "The quota store did not answer"), (2, "Secret id or key is invalid.")):
        story = book.find(request_id(number))
        assert story is not None
        assert story["detail"].startswith(words)
        assert (story["comesBackAt"], "windows" in story) == (None, False)


def test_long_targets_do_not_fill_the_memory(book: RefusalBook) -> None:
    """Of what a caller sent no more is kept than the access log shows, and no query is told."""
    long = refusal(1)
    long.target, long.host = "/a" * 8_000, "h" * 8_000
    asked = refusal(2)
    asked.target = "/path?key=secret"
    for each in (long, asked):
        book.keep(each)
    assert (len(long.target), len(long.host)) == (2048, 255)
    assert [(book.find(request_id(number)) or {})["path"] for number in (1, 2)] == ["/a" * 1024, "/path"]


def test_the_id_of_another_sidecar_is_none_of_ours(book: RefusalBook) -> None:
    """Nothing is said of it here: another may know."""
    book.keep(refusal(1))
    assert book.find("ba9876543210" + "00000001") is None


def test_what_is_gone_is_told_from_what_never_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """An id from before all that is remembered has aged out; any other was not refused."""
    monkeypatch.setattr(module, "KEPT", 3)
    book = RefusalBook(SIDECAR, lambda: 0.0, lambda: 100.0)
    for number in (2, 4, 6):
        book.keep(refusal(number))
    assert book.find(request_id(1)) == {
        "requestId": request_id(1), "sidecar": SIDECAR, "missing": "aged_out",
    }  # fmt: skip
    assert [(book.find(request_id(number)) or {}).get("missing") for number in (2, 3, 5, 6, 7)] == [
        None,
        "not_refused",
        "not_refused",
        None,
        "not_refused",
    ]
    book.keep(refusal(8))
    assert [(book.find(request_id(number)) or {}).get("missing") for number in (2, 4)] == ["aged_out", None]


def test_strangers_push_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of callers that are not known ages out its own kind only."""
    monkeypatch.setattr(module, "KEPT_OF_STRANGERS", 2)
    book = RefusalBook(SIDECAR, lambda: 0.0, lambda: 100.0)
    book.keep(refusal(1))
    for number in range(2, 9):
        book.keep(refusal(number, "hmac_missing", secret_id=""))
    assert "missing" not in (book.find(request_id(1)) or {})
    assert (book.find(request_id(2)) or {}).get("missing") == "aged_out"
    assert "missing" not in (book.find(request_id(8)) or {})


@pytest.mark.parametrize(
    ("reason", "kept"),
    [("rate", True), ("no_plan", True), ("store", True), ("bad_request", True), ("", False)]
    + [(reason, False) for reason in ("upstream_timeout", "client_left", "own_use", "internal")],
)
def test_only_refusals_are_kept(book: RefusalBook, reason: str, kept: bool) -> None:
    """What quotad itself said no to is remembered; what the backend or the caller broke is not."""
    recorder = Recorder(keep_refusal=book.keep)
    recorder.configure((Place(),), TABLE)
    recorder.record(refusal(1, reason))
    assert ("missing" not in (book.find(request_id(1)) or {})) is kept


@pytest.mark.parametrize(
    ("text", "is_one"),
    [(request_id(1), True), (SIDECAR + "123456789", True), ("", False), (SIDECAR, False), ("x" * 20, False)],
)
def test_the_form_of_an_id(text: str, is_one: bool) -> None:
    """12 hex digits of the sidecar and at least 8 of the request."""
    assert is_request_id(text) is is_one


def test_decisions_for_other_proxies_age_by_their_own_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their ids have more digits: they say nothing of how old the ids of callers' requests are."""
    monkeypatch.setattr(module, "KEPT", 2)
    book = RefusalBook(SIDECAR, lambda: 0.0, lambda: 100.0)
    book.keep(refusal(1 << 40))
    book.keep(refusal(7))
    assert (book.find(request_id(8)) or {}).get("missing") == "not_refused"
    assert (book.find(request_id(6)) or {}).get("missing") == "aged_out"
    assert (book.find(request_id((1 << 40) + 1)) or {}).get("missing") == "not_refused"
