"""What every test stands on: the store fixtures, and one Hypothesis profile."""

import os

from hypothesis import HealthCheck, settings

from tests.support.servers import shared_store, store_server

__all__ = ["shared_store", "store_server"]

# A busy machine must not fail a property, and a failure must come back with the command that repeats it.
settings.register_profile(
    "quotad",
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quotad"))
