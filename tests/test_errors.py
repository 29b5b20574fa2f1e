"""Errors: what their texts say to whoever reads them."""

from quotad.errors import ConfigError, EmbeddedStoreError, Problem, QuotadError, StoreError


def test_a_problem_names_its_field_first() -> None:
    """A problem reads as ``path: message``."""
    assert str(Problem("plans[0].rateRps", "must be -1 or more")) == "plans[0].rateRps: must be -1 or more"


def test_a_config_error_holds_every_problem() -> None:
    """A refused configuration shows all its problems, one a line, in order."""
    problems = [Problem("store", "is missing"), Problem("routes[1].host", "is no host name")]
    error = ConfigError(problems)
    assert error.problems == problems
    assert str(error).splitlines() == ["store: is missing", "routes[1].host: is no host name"]


def test_a_store_error_does_not_guess() -> None:
    """Unless it is known, whether a failed call was executed stays open."""
    error = StoreError("broken", "the connection broke")
    assert (error.kind, error.executed, str(error)) == ("broken", None, "the connection broke")
    assert StoreError("readonly", "a replica", executed=False).executed is False


def test_errors_raised_on_purpose_have_one_base() -> None:
    """One except clause at the command line catches all of them."""
    for error in (ConfigError, StoreError, EmbeddedStoreError):
        assert issubclass(error, QuotadError)
