"""Use of quotas, made as a sidecar makes it, and as the store has it."""

import os
from contextlib import suppress

from quotad.config.model import StoreConfig
from quotad.core.plans import Subject
from quotad.core.quota import Usage
from quotad.engine.terms import TermsBook
from quotad.errors import StoreError
from quotad.store.redis_store import RedisStore
from tests.support.batches import call, submit
from tests.support.patient import patient_store
from tests.support.waiting import until, until_true


async def spend(url: str, subject: Subject, cost: int) -> int:
    """Reserve so many units at once; answers how many were granted."""
    store = RedisStore(url, StoreConfig(deadline_s=5.0), os.urandom(8))
    await store.start()
    try:
        await until(lambda: store.now_us() is not None)
        terms = TermsBook().terms(subject.plan, store.now_us() or 0)
        (answer,) = await submit(store, [call(subject, terms, cost=cost)]).answers()
        return answer.granted
    finally:
        await store.close()


async def charged_and_open(url: str, subject: Subject) -> tuple[int, int]:
    """Of the day, as the store has it now."""
    store = patient_store(url)
    await store.start()
    usages: list[Usage] = []

    async def are_told() -> bool:
        """A store that stands still is asked again."""
        with suppress(StoreError):
            usages.extend(await store.usage([subject]))
        return bool(usages)

    try:
        await until_true(are_told)
    finally:
        await store.close()
    return usages[0].day_charged, usages[0].day_open
