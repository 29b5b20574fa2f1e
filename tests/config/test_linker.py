from pathlib import Path

import pytest

from quotad.config.document import Document
from quotad.config.linker import Linker, version_of

SECRET = {"secretId": "AKIDone", "secretKey": "one-one-one"}
PLAN = {"usagePlanId": "usagePlan-a", "rateRps": 5}
VALUES: dict[str, object] = {
    "store": {"url": "redis://user:one@h:1/0?password=one"},
    "admin": {"address": ":1", "token": "one" * 7},
    "plans": [PLAN],
    "secrets": [SECRET],
}


@pytest.mark.parametrize(
    "change",
    [
        {"plans": [{**PLAN, "rateRps": 6}]},
        {"plans": []},
        {"secrets": [{**SECRET, "enabled": False}]},
        {"store": {"url": "redis://user:one@other:1/0"}},
        {"store": {"url": "redis://user:one@h:1/0?password=one&db=7"}},
        {"store": {"url": "redis+sentinel://user:one@h:1,i:1/0?password=one"}},
        {"listen": {"address": ":1"}},
        {"workers": 2},
    ],
)
def test_a_change_is_another_version(change: dict[str, object]) -> None:
    """Whatever changes what is enforced, and where, changes the version."""
    assert version_of({**VALUES, **change}) != version_of(VALUES)


@pytest.mark.parametrize(
    "change",
    [
        {"secrets": [{**SECRET, "secretKey": "two-two-two"}]},
        {"admin": {"address": ":1", "token": "two" * 7}},
        {"store": {"url": "redis://user:two@h:1/0?password=two"}},
        {"store": {"url": "redis://h:1/0"}},
    ],
)
def test_no_secret_goes_into_the_version(change: dict[str, object]) -> None:
    """A version cannot be used to test guesses of a key, token or password."""
    assert version_of({**VALUES, **change}) == version_of(VALUES)


def test_the_version_does_not_depend_on_order() -> None:
    """Fields may be written in any order."""
    assert version_of(dict(reversed(VALUES.items()))) == version_of(VALUES)
    assert len(version_of(VALUES)) == 12


def test_one_wrong_field_hides_no_other() -> None:
    """Problems of single fields and of references come together, and a broken item is still known."""
    document = Document()
    values = {
        "store": {"url": "redis://h", "holdMs": 1},
        "plans": [{**PLAN, "rateRps": -7}],
        "secrets": [{"secretId": "AKIDone"}],
        "services": [{"serviceId": "service-a", "serviceName": ""}],
        "bindings": [
            {
                "usagePlanId": "usagePlan-a",
                "secretIds": ["AKIDone", "AKIDtwo"],
                "environments": [{"service": "service-a", "environment": "test"}],
            }
        ],
    }
    assert Linker(document, values, Path()).config() is None
    assert [problem.path for problem in document.problems] == [
        "store.holdMs",
        "services[0].serviceName",
        "plans[0].rateRps",
        "secrets[0].secretKey",
        "bindings[0].secretIds[1]",
    ]


def test_an_empty_section_is_an_absent_one() -> None:
    """A key without a value gives the defaults, as if the line were not there."""
    document = Document()
    values = {"store": {"url": "redis://h"}, "routes": None, "listen": None, "admin": None}
    config = Linker(document, values, Path()).config()
    assert config is not None
    assert (config.routes, config.admin, config.listen.address.port) == ((), None, 8080)
