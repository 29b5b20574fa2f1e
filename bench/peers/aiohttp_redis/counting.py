"""One EVALSHA of quotad's reserve script per request, by redis-py."""

import os
import time
from dataclasses import dataclass, field

import redis.asyncio

from bench.callers import ENVIRONMENT, SERVICE_ID
from bench.plan import HOLD_S, NAMESPACE, PLAN
from quotad.core.plans import Subject
from quotad.core.quota import Answer, Call, DayNumbers, Limits, Terms
from quotad.core.windows import WindowCache
from quotad.store.codec import pack_batch, pack_call, pack_terms, unpack_answer
from quotad.store.keys import SubjectKeys, subject_keys

_LIMITS = Limits(
    PLAN.version,
    PLAN.rate_rps,
    PLAN.burst,
    PLAN.day_quota_request,
    PLAN.month_quota_request,
    PLAN.max_request_num,
)
_NO_DAY = DayNumbers()


@dataclass(slots=True)
class Entry:
    """What the script takes for a Sidecar: one call at a time, numbered."""

    name: bytes = field(default_factory=lambda: os.urandom(8))
    number: int = 0
    generation: int = 0


class Counting:
    """Decides requests. Those of one caller that run side by side each use an Entry of their own."""

    def __init__(self, client: "redis.asyncio.Redis", sha: str) -> None:
        self._client = client
        self._sha = sha
        self._batch = pack_batch(HOLD_S * 1_000_000, 1)
        self._windows = WindowCache()
        self._made: tuple[Terms, bytes] | None = None
        self._callers: dict[str, tuple[Subject, SubjectKeys, list[Entry]]] = {}

    async def reserve(self, secret_id: str) -> Answer:
        """Ask for one unit."""
        subject, keys, free = self._caller(secret_id)
        entry = free.pop() if free else Entry()
        entry.number += 1
        terms, packed_terms = self._current_terms()
        call = Call(subject, terms, 1, entry.generation, entry.number, _NO_DAY, _NO_DAY)
        arguments = (entry.name, self._batch, packed_terms, pack_call(1, call))
        reply = await self._client.evalsha(self._sha, 2, keys.state, keys.total, *arguments)
        answer = unpack_answer(reply[0])
        entry.generation = answer.generation
        free.append(entry)
        return answer

    async def close(self) -> None:
        """Close the pool."""
        await self._client.aclose()

    def _caller(self, secret_id: str) -> tuple[Subject, SubjectKeys, list[Entry]]:
        found = self._callers.get(secret_id)
        if found is None:
            subject = Subject(PLAN, SERVICE_ID, ENVIRONMENT, secret_id)
            found = self._callers[secret_id] = (subject, subject_keys(NAMESPACE, subject), [])
        return found

    def _current_terms(self) -> tuple[Terms, bytes]:
        windows = self._windows.windows(time.time_ns() // 1000, PLAN.timezone, PLAN.month_anchor_day)
        made = self._made
        if made is None or made[0].windows is not windows:
            terms = Terms(_LIMITS, windows, conditional=False, release_on_crash=False)
            made = self._made = (terms, pack_terms(terms))
        return made
