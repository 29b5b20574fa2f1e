"""quotad's own script in the bench's Redis, and what it counted there."""

import struct

from bench.callers import Caller
from bench.plan import NAMESPACE, subject
from bench.store import BenchStore
from quotad.store.keys import SubjectKeys, subject_keys
from quotad.store.scripts import load

_TOTAL = struct.Struct("<4d")
"""A Subject's lifetime total: charged, open, granted, given back (lua/README.md)."""


def load_script(store: BenchStore) -> str:
    """Load the reserve script as quotad ships it; returns its SHA1. It stays through FLUSHALL."""
    return str(store.client.script_load(load("reserve").text))


def keys(caller: Caller) -> SubjectKeys:
    """Where the caller's counters are."""
    return subject_keys(NAMESPACE, subject(caller))


def granted(store: BenchStore, callers: list[Caller]) -> int:
    """How many requests of all these callers were admitted, by the counters."""
    totals = store.client.mget([keys(caller).total for caller in callers])
    return sum(int(_TOTAL.unpack(total)[2]) for total in totals if isinstance(total, bytes))
