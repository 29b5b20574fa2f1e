import pytest

from quotad.controlplane.answers import RefusedError
from quotad.controlplane.refusal import OperationError
from quotad.controlplane.rest import strict
from quotad.controlplane.rest.forms import SecretsQuery


def test_a_query_s_values_have_their_types() -> None:
    """Numbers, truth, and what is absent at its default."""
    found = strict.query_of(SecretsQuery, [("limit", "5"), ("enabled", "false"), ("search", "7")])
    assert (found["limit"], found["offset"], found["enabled"], found["search"]) == (5, 0, False, "7")


@pytest.mark.parametrize(
    "pairs",
    [
        [("limit", "+5")],
        [("limit", "\u0665")],
        [("limit", "9" * 400)],
        [("enabled", "1")],
        [("x", "1")],
        [("limit", "1"), ("limit", "1")],
        [("search", "a\x00")],
        [("search", "\udcff")],
    ],
)
def test_nothing_of_a_query_is_guessed(pairs: list[tuple[str, str]]) -> None:
    """What is unknown, given twice or of another type is refused."""
    with pytest.raises((OperationError, RefusedError)):
        strict.query_of(SecretsQuery, pairs)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (["*"], ""),
        (['"now"'], "now"),
        (['"old", "now"'], "now"),
        (['"old"', '"now"'], "now"),
        (['"old"'], "-"),
        (['W/"now"'], "-"),
        (["now"], "-"),
        ([""], "-"),
    ],
)
def test_if_match(given: list[str], wanted: str) -> None:
    """RFC 9110, 13.1.1: compared strongly; what fits none of the ETags changes nothing."""
    assert strict.wanted_tag(given, "now") == wanted


@pytest.mark.parametrize(
    ("accept", "taken"),
    [
        ([], True),
        (["*/*"], True),
        (["text/html, application/*;q=0.1"], True),
        (["application/json; charset=utf-8"], True),
        (["application/json;q=0"], False),
        (["text/html"], False),
    ],
)
def test_accept(accept: list[str], taken: bool) -> None:
    """JSON is answered to whoever takes it; else 406."""
    if taken:
        strict.check_accept(accept)
        return
    with pytest.raises(RefusedError) as caught:
        strict.check_accept(accept)
    assert caught.value.status == 406


def test_an_idempotency_key_is_one_and_visible() -> None:
    """None is fine; two, an empty one, spaces and too many characters are not."""
    assert strict.idempotency_key([]) == ""
    assert strict.idempotency_key(["a" * 255]) == "a" * 255
    for given in (["a", "b"], [""], ["a b"], ["a" * 256], ["é"]):
        with pytest.raises(RefusedError):
            strict.idempotency_key(given)


def test_null_stands_only_where_it_means_something() -> None:
    """By what is published about the field."""
    properties = {"a": {"type": "string"}, "b": {"anyOf": [{"type": "string"}, {"type": "null"}]}}
    strict.no_nulls({"b": None, "a": ""}, properties)
    with pytest.raises(OperationError) as caught:
        strict.no_nulls({"a": None}, properties)
    assert caught.value.field == "a"
