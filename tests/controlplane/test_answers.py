import json

from quotad.controlplane.answers import RefusedError, as_json, problem_members, problem_of
from quotad.errors import StoreError


def test_a_problem_has_every_member() -> None:
    """RFC 9457, with the id of the request."""
    answer = problem_of(RefusedError(409, "It is still named.", headers={"Retry-After": "1"}), "r1")
    assert (answer.status, answer.content_type) == (409, "application/problem+json")
    assert isinstance(answer.body, bytes)
    members = json.loads(answer.body)
    assert (members["title"], members["status"], members["detail"]) == ("Conflict", 409, "It is still named.")
    assert (members["message"], members["requestId"]) == ("It is still named.", "r1")
    assert answer.headers["Retry-After"] == "1"
    assert problem_members(RefusedError(409, "It is still named."), "r1") == members


def test_an_answer_is_json() -> None:
    """Without white space."""
    assert as_json(200, {"a": [1]}).body == b'{"a":[1]}'


def test_a_refusal_knows_its_status() -> None:
    """And its text."""
    refusal = RefusedError(422, "No.")
    assert (refusal.status, str(refusal)) == (422, "No.")


def test_a_right_that_the_stores_user_lacks_is_no_outage() -> None:
    """403, and nobody is told to come again; any other failure of the store is 503."""
    lacking = problem_of(StoreError("noperm", "NOPERM", executed=False), "r1")
    away = problem_of(StoreError("disconnected", "away", executed=False), "r1")
    assert (lacking.status, "Retry-After" in lacking.headers) == (403, False)
    assert (away.status, "Retry-After" in away.headers) == (503, True)
