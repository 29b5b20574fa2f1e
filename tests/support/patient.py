"""A store for tests that only look: it waits for a server that stands still, as a busy machine may."""

import os

from quotad.config.model import StoreConfig
from quotad.store.redis_store import RedisStore

PATIENCE_S = 60.0


def patient_store(url: str, namespace: str = "quotad") -> RedisStore:
    """Not started yet; a process of its own to the store."""
    return RedisStore(url, StoreConfig(url=url, namespace=namespace, deadline_s=PATIENCE_S), os.urandom(8))
