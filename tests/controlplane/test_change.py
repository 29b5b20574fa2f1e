import json
from typing import Any

import pytest

from quotad.controlplane.answers import RefusedError
from quotad.controlplane.change import Action, Change, Place, instant_us, parse_change
from quotad.core.plans import Binding
from quotad.core.quota import Reset, TopUp, Window
from quotad.core.table import PlanTable
from tests.support.samples import NOW_US, OWN, SECRETS, SERVICE, SHARED, TABLE

PLACE = {"usagePlanId": "usagePlan-shared", "serviceId": "service-aaaaaaaa", "environment": "release"}
OWN_PLACE = {"usagePlanId": "usagePlan-own", "serviceId": "service-aaaaaaaa", "environment": "test"}
RESET = {**PLACE, "windows": ["day"], "reason": "a mistake of ours"}
TOP_UP = {**PLACE, "window": "day", "amount": 5, "until": "never", "reason": "bought"}


def parsed(action: Action, members: object) -> Change:
    return parse_change(action, json.dumps(members).encode())


def test_a_reset() -> None:
    """Its windows, as the store takes them, and its reason."""
    change = parsed("reset", {**RESET, "windows": ["total", "day", "day"]})
    assert change.versioned(7) == Reset(7, frozenset((Window.DAY, Window.TOTAL)))
    assert (change.reason, change.place) == (
        "a mistake of ours",
        Place("usagePlan-shared", "service-aaaaaaaa", "release"),
    )


@pytest.mark.parametrize(
    ("until", "until_us"),
    [
        ("never", 0),
        ("windowEnd", -1),
        ("2026-12-01T00:00:00Z", 1_796_083_200_000_000),
        ("2026-12-01T01:00:00.5+01:00", 1_796_083_200_500_000),
    ],
)
def test_a_top_up(until: str, until_us: int) -> None:
    """Its window, amount and end."""
    change = parsed("top-up", {**TOP_UP, "until": until, "amount": 2**53 - 1})
    assert change.versioned(7) == TopUp(7, Window.DAY, 2**53 - 1, until_us)


@pytest.mark.parametrize(
    ("action", "members"),
    [
        ("reset", []),
        ("reset", {**RESET, "amount": 5}),
        ("reset", {**RESET, "windows": []}),
        ("reset", {**RESET, "windows": "day"}),
        ("reset", {**RESET, "windows": ["hour"]}),
        ("reset", {**RESET, "windows": [["day"]]}),
        ("reset", {**RESET, "reason": ""}),
        ("reset", {**RESET, "reason": " "}),
        ("reset", {**RESET, "reason": "a\nb"}),
        ("reset", {**RESET, "reason": "x" * 501}),
        ("reset", {**PLACE, "windows": ["day"]}),
        ("reset", {**RESET, "usagePlanId": ""}),
        ("reset", {**RESET, "usagePlanId": 5}),
        ("reset", {**RESET, "secretId": ""}),
        ("reset", {**RESET, "shadow": "true"}),
        ("top-up", {**TOP_UP, "windows": ["day"]}),
        ("top-up", {**TOP_UP, "window": "hour"}),
        ("top-up", {**TOP_UP, "window": ["day"]}),
        ("top-up", {**TOP_UP, "amount": 0}),
        ("top-up", {**TOP_UP, "amount": 2**53}),
        ("top-up", {**TOP_UP, "amount": 1.5}),
        ("top-up", {**TOP_UP, "amount": True}),
        ("top-up", {**TOP_UP, "amount": "5"}),
        ("top-up", {**TOP_UP, "until": None}),
        ("top-up", {**TOP_UP, "until": "2026-12-01"}),
        ("top-up", {**TOP_UP, "until": "2026-12-01T00:00:00"}),
        ("top-up", {**TOP_UP, "until": "9026-12-01T00:00:00Z"}),
        ("top-up", {**TOP_UP, "until": "tomorrow"}),
        ("top-up", {**TOP_UP, "window": "total", "until": "windowEnd"}),
    ],
)
def test_what_means_nothing_is_refused(action: Action, members: object) -> None:
    """With 400 and words, and nothing of it is guessed."""
    with pytest.raises(RefusedError) as refused:
        parsed(action, members)
    assert refused.value.status == 400
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[1"])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    """With 400."""
    with pytest.raises(RefusedError, match="not JSON"):
        parse_change("reset", body)


def test_fingerprints_tell_what_is_said() -> None:
    """Order does not matter; anything else does."""
    turned = dict(reversed(RESET.items()))
    assert parsed("reset", RESET).fingerprint == parsed("reset", turned).fingerprint
    others: list[dict[str, Any]] = [{**RESET, "reason": "other"}, {**RESET, "windows": ["month"]}]
    prints = {parsed("reset", each).fingerprint for each in (RESET, *others)}
    assert len(prints) == 3


def test_the_subject_is_found() -> None:
    """Under scope: plan by the place, under scope: secret with the Secret, a shadow's where that is said."""
    shared = Place(**_words(PLACE)).subject(TABLE)
    assert shared.tag == "usagePlan-shared/service-aaaaaaaa/release"
    own = Place(**_words(OWN_PLACE), secret_id="AKIDd").subject(TABLE)
    assert own.tag == "usagePlan-own/service-aaaaaaaa/test/AKIDd"
    bound = Binding(SHARED.usage_plan_id, ("AKIDa",), ((SERVICE.service_id, "release"),), shadow=True)
    table = PlanTable([SERVICE], [SHARED], SECRETS, [bound])
    assert Place(**_words(PLACE), shadow=True).subject(table).shadow
    with pytest.raises(RefusedError):
        Place(**_words(PLACE)).subject(table)


@pytest.mark.parametrize(
    ("place", "secret_id", "status"),
    [
        ({**PLACE, "environment": "test"}, "", 404),
        ({**PLACE, "usagePlanId": "none"}, "", 404),
        (PLACE, "AKIDa", 400),
        (OWN_PLACE, "", 400),
        (OWN_PLACE, "AKIDa", 404),
    ],
)
def test_a_place_that_is_none_is_refused(place: dict[str, str], secret_id: str, status: int) -> None:
    """404 where nothing is bound, 400 where a Secret is missing or one too many."""
    with pytest.raises(RefusedError) as refused:
        Place(**_words(place), secret_id=secret_id).subject(TABLE)
    assert refused.value.status == status


def test_a_top_up_of_nothing_is_refused() -> None:
    """Without such a limit, or when it would be over already; a reset always means something."""
    subject = Place(**_words(OWN_PLACE), secret_id="AKIDd").subject(TABLE)
    assert (OWN.day_quota_request, OWN.month_quota_request) == (-1, 50)
    with pytest.raises(RefusedError, match="no such limit"):
        parsed("top-up", TOP_UP).check(subject, NOW_US)
    month = {**TOP_UP, "window": "month", "until": "2026-11-18T00:00:00Z"}
    with pytest.raises(RefusedError, match="has passed"):
        parsed("top-up", month).check(subject, NOW_US)
    parsed("top-up", {**month, "until": "2026-11-19T00:00:00Z"}).check(subject, NOW_US)
    parsed("reset", RESET).check(subject, NOW_US)


def test_instants() -> None:
    """Whole microseconds, whatever the offset."""
    assert instant_us("1970-01-01T00:00:01Z", ValueError) == 1_000_000
    with pytest.raises(LookupError):
        instant_us(7, LookupError)


def _words(place: dict[str, str]) -> Any:
    return {
        "usage_plan_id": place["usagePlanId"],
        "service_id": place["serviceId"],
        "environment": place["environment"],
    }
