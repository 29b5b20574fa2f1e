"""How many examples properties are tried on, and whether the same in each run.

They are the same unless ``QUOTAD_EXAMPLES`` is set: a change is judged by what it changes, not by what was
drawn that day. With it, others are drawn in each run, so many times as many.
"""

import os
from typing import Final

from hypothesis import HealthCheck, settings

_ASKED: Final = os.environ.get("QUOTAD_EXAMPLES", "")
TIMES: Final = int(_ASKED or "1")


def examples(count: int) -> settings:
    """The settings of a test that is tried on so many examples, not on as many as the others."""
    return settings(max_examples=count * TIMES)


def load_profile() -> None:
    """The settings of all tests.

    A busy machine must not fail a property, and a failure comes back with what repeats it.
    """
    settings.register_profile(
        "quotad",
        deadline=None,
        derandomize=not _ASKED,
        max_examples=100 * TIMES,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    settings.load_profile("quotad")
