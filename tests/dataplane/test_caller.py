"""What interrupts an exchange."""

from quotad.core.replies import Refusal
from quotad.dataplane.caller import RefusedError


def test_a_refusal_says_its_key() -> None:
    """An interruption by refusal carries the refusal, and shows its key and nothing secret."""
    error = RefusedError(Refusal("no_route", detail="something else"))
    assert (str(error), error.refusal.key) == ("no_route", "no_route")
