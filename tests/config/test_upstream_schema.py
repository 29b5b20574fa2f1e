import pytest
from pydantic import ValidationError

from quotad.config.upstream_schema import CheckSection, HealthSection, parse_statuses


@pytest.mark.parametrize(
    ("text", "statuses"),
    [
        ("200", {200}),
        (204, {204}),
        ("200,204", {200, 204}),
        ("2xx", set(range(200, 300))),
        ("2xx,404", {*range(200, 300), 404}),
    ],
)
def test_statuses(text: object, statuses: set[int]) -> None:
    """A status, a class, or several parted by commas; a number in YAML is a status."""
    found = CheckSection.model_validate({"path": "/", "expectedStatus": text})
    assert found.expected_status == statuses


@pytest.mark.parametrize(
    "text", ["", "2x", "20x", "099", "600", "200,", "200 204", "2xx-3xx", "ok", 99, True]
)
def test_no_statuses(text: object) -> None:
    """Anything else is refused."""
    with pytest.raises(ValidationError):
        CheckSection.model_validate({"path": "/", "expectedStatus": text})


def test_words() -> None:
    """What is wrong is said in words."""
    with pytest.raises(ValueError, match=r"must be statuses like 200, 2xx or 200,204,3xx"):
        parse_statuses("two hundred")


@pytest.mark.parametrize("path", ["", "healthz", "/a b", "/a#b", "/a\r\nX: y", "/ä", "/" + "a" * 1024])
def test_no_paths(path: str) -> None:
    """A path that could end the request's head, or is none, is refused."""
    with pytest.raises(ValidationError):
        CheckSection.model_validate({"path": path})


def test_defaults() -> None:
    """Only the path of a check must be said."""
    check = HealthSection.model_validate({"check": {"path": "/healthz?x=1"}}).check
    assert check is not None
    assert (check.host, check.interval_ms, check.timeout_ms, check.rise, check.fall) == (
        None,
        5000,
        1000,
        2,
        3,
    )
    assert check.expected_status == frozenset(range(200, 300))
