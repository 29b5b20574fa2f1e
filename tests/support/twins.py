"""The Lua on a real server and the plain-Python reference, driven with the same calls by the same clock.

Every step asserts that both answered the same and hold the same state afterwards, and what must be
true of that state by itself.
"""

import copy
import struct
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from quotad.core.plans import Subject, UsagePlan
from quotad.core.quota import (
    Answer,
    AnswerStatus,
    Call,
    DayNumbers,
    Limits,
    Memory,
    Replay,
    Reset,
    Terms,
    TopUp,
    Usage,
    Windows,
)
from quotad.core.reference import Reference, WindowsUnfitError
from quotad.core.windows import windows
from quotad.store import codec
from quotad.store.keys import SubjectKeys, subject_keys
from quotad.store.scripts import Script, load_all
from tests.support.expiry import expiries_ms
from tests.support.stored import (
    WINDOW,
    State,
    assert_equal,
    assert_sound,
    assert_within_limits,
    decode,
    expected_state,
    read_adjusted,
    read_state,
)

SETTABLE_CLOCK = "local function clock_us() return tonumber(redis.call('GET', 'test:clock')) end"
NAMESPACE = "test"
DAY_US = 86_400_000_000
HOLD_US = 60_000_000
START_US = 2_088_072_000_000_000
"""2036-03-02 12:00 UTC: far enough ahead that no server expires a key of the test by itself."""

PLAN = UsagePlan("usagePlan-aaaaaaaa", "twins")
NO_DAY = DayNumbers()


def subject(index: int = 0) -> Subject:
    return Subject(PLAN, f"service-0000000{index}", "release")


def limits(
    rate: int = -1, burst: int = -1, day: int = -1, month: int = -1, total: int = -1, version: int = 0
) -> Limits:
    return Limits(version, rate, burst, day, month, total)


def terms(
    given: Limits,
    *,
    at_us: int = START_US,
    conditional: bool = True,
    release: bool = False,
    zone: str = "UTC",
    lease_us: int = 0,
) -> Terms:
    return Terms(given, windows(at_us, zone, 1), conditional, release, lease_us)


@cache
def scripts() -> dict[str, Script]:
    """Every verb, by a clock that tests settle."""
    return load_all(SETTABLE_CLOCK)


class Twins:
    """One clock, one server, one Reference. ``client`` is any redis-py client."""

    def __init__(self, client: Redis, now_us: int = START_US) -> None:
        self.client = client
        self.scripts = scripts()
        known = client.script_exists(*(script.sha.decode() for script in self.scripts.values()))
        for script, is_known in zip(self.scripts.values(), known, strict=True):
            if not is_known:
                client.script_load(script.text)
        self.reset(now_us)

    def reset(self, now_us: int = START_US) -> None:
        self.client.flushall()
        self.reference = Reference()
        self.numbers = 0
        self.expires_ms: dict[bytes, int] = {}
        self._replica: dict[bytes, bytes | None] | None = None
        self.at(now_us)

    def at(self, now_us: int) -> None:
        """Set the clock; the server does not expire keys by it, so that is done here."""
        self.now_us = now_us
        self.client.set("test:clock", str(now_us))
        due = [key for key, expires_ms in self.expires_ms.items() if 0 <= expires_ms * 1000 <= now_us]
        if due:
            self.client.delete(*due)
        for tag in set().union(*self._kept(self.reference)):
            self.reference._expire(tag, now_us)

    def pass_time(self, elapsed_us: int) -> None:
        self.at(self.now_us + elapsed_us)

    def windows(self, zone: str = "UTC") -> Windows:
        return windows(self.now_us, zone, 1)

    def next_number(self) -> int:
        self.numbers += 1
        return self.numbers

    def ask(
        self,
        asked: Terms,
        cost: int = 1,
        sidecar: int = 1,
        *,
        memory: Memory | None = Memory(),  # noqa: B008 - immutable
        **said: Any,
    ) -> Answer:
        """One Call for the first Subject, with the next number; asked what it remembers it says ``memory``.

        ``said`` are fields of the Call.
        """
        call = Call(subject(), asked, cost, 0, self.next_number(), NO_DAY, NO_DAY)._replace(**said)
        answer = self.submit([call], sidecar)[0]
        if answer.status != AnswerStatus.STATE_LOST or memory is None:
            return answer
        return self.submit([call._replace(memory=memory)], sidecar)[0]

    def submit(
        self, calls: Sequence[Call], sidecar: int = 1, *, settle_only: bool = False, hold_us: int = HOLD_US
    ) -> list[Answer]:
        """One script call, and the same to the Reference: equal answers, equal states."""
        sidecar_id = b"side%04d" % sidecar
        serve = self.reference.settle if settle_only else self.reference.reserve
        expected = [serve(self.now_us, sidecar_id, hold_us, call) for call in calls]
        replies = self.evaluate("settle" if settle_only else "reserve", calls, sidecar_id, hold_us)
        answers = [codec.unpack_answer(reply) for reply in replies]
        for call, answer, wanted in zip(calls, answers, expected, strict=True):
            assert_equal(answer._asdict(), wanted._asdict())
            state = self.check(call.subject)
            assert_within_limits(answer, state)
        return answers

    def evaluate(
        self, verb: str, calls: Sequence[Call], sidecar_id: bytes, hold_us: int = HOLD_US
    ) -> list[Any]:
        """The script's raw replies."""
        plans: list[Terms] = []
        packed: list[bytes] = []
        keys: list[bytes] = []
        for call in calls:
            if call.terms not in plans:
                plans.append(call.terms)
            packed.append(codec.pack_call(plans.index(call.terms) + 1, call))
            keys.extend(subject_keys(NAMESPACE, call.subject))
        head = [sidecar_id, codec.pack_batch(hold_us, len(plans)), *map(codec.pack_terms, plans)]
        replies: list[Any] = self.client.evalsha(
            self.scripts[verb].sha.decode(), len(keys), *keys, *head, *packed
        )
        return replies

    def usage(self, of: Subject) -> Usage:
        """Read by the script and by the Reference: equal."""
        keys = subject_keys(NAMESPACE, of)
        reply = self.client.evalsha(self.scripts["usage"].sha.decode(), 2, *keys)[0]
        answer = codec.unpack_usage(reply)
        assert answer == self.reference.usage(self.now_us, of)
        return answer

    def adjust(self, change: TopUp | Reset, asked: Terms, of: Subject | None = None) -> Usage | None:
        """A top-up or a reset, by the script and by the Reference: equal. None: the windows do not fit."""
        of = of or subject()
        told = codec.pack_adjustment(1, change)
        try:
            expected = self.reference.adjust(self.now_us, HOLD_US, of, asked, change)
        except WindowsUnfitError:
            expected = None
        return self._change("adjust", b"-nobody-", of, asked, told, expected)

    def replay(self, record: Replay, asked: Terms, owner: bytes = b"side0009") -> Usage | None:
        """A journal's record, by the script and by the Reference: equal. None: the windows do not fit."""
        of, told = subject(), codec.pack_replay(1, record)
        try:
            expected = self.reference.replay(self.now_us, owner, HOLD_US, of, asked, record)
        except WindowsUnfitError:
            expected = None
        return self._change("replay", owner, of, asked, told, expected)

    def _change(
        self, verb: str, owner: bytes, of: Subject, asked: Terms, told: bytes, expected: Usage | None
    ) -> Usage | None:
        keys = subject_keys(NAMESPACE, of)
        sent = [owner, codec.pack_batch(HOLD_US, 1), codec.pack_terms(asked), told]
        reply = self.client.evalsha(self.scripts[verb].sha.decode(), 2, *keys, *sent)[0]
        if expected is None:
            assert isinstance(reply, ResponseError)
            return None
        answer = codec.unpack_usage(reply)
        assert_equal(answer._asdict(), expected._asdict())
        self.check(of)
        return answer

    def past(self, of: Subject) -> dict[tuple[str, int], int]:
        """The history as the server holds it: (kind, end) to units."""
        found: dict[tuple[str, int], int] = {}
        key = subject_keys(NAMESPACE, of).total[:-1] + b"h"
        rows: dict[Any, Any] = self.client.hgetall(key)
        for field, row in rows.items():
            for end_us, units in struct.iter_unpack("<dd", row):
                assert (chr(field[0]), int(end_us)) not in found
                found[chr(field[0]), int(end_us)] = int(units)
        return found

    def lose(self, of: Subject, *, total: bool = False) -> None:
        """The server forgets the hash, or the lifetime total."""
        keys = subject_keys(NAMESPACE, of)
        self.client.delete(keys.total if total else keys.state)
        kept: dict[str, Any] = self.reference.totals if total else self.reference.accounts
        kept.pop(of.tag, None)

    def forget(self, of: Subject) -> None:
        """The server is empty."""
        self.client.delete(*self.all_keys(of))
        for kept in self._kept(self.reference):
            kept.pop(of.tag, None)
        self.reference.marks.clear()

    def all_keys(self, of: Subject) -> list[bytes]:
        """State, total; adjustments, history, marks of replays."""
        state, total = subject_keys(NAMESPACE, of)
        return [state, total, *(total[:-1] + letter for letter in (b"x", b"h", b"j"))]

    def snapshot(self, of: Subject) -> None:
        """Remember the server as it is: a replica that hears no more."""
        self._replica = {key: self.client.dump(key) for key in self.all_keys(of)}
        self._fork = copy.deepcopy(self.reference)
        self._expiries = {key: self.expires_ms.get(key, -2) for key in self._replica}

    def fail_over(self, of: Subject) -> None:
        """The replica takes the server's place, once."""
        if self._replica is None:
            return
        for key, packed in self._replica.items():
            self.client.delete(key)
            if packed is not None:
                self.client.restore(key, max(0, self._expiries[key]), packed, absttl=True)
        for mine, old in zip(self._kept(self.reference), self._kept(self._fork), strict=True):
            mine.pop(of.tag, None)
            if of.tag in old:
                mine[of.tag] = old[of.tag]
        self.reference.marks = self._fork.marks
        self._replica = None
        self.expires_ms.update(self._expiries)
        self.at(self.now_us)

    @staticmethod
    def _kept(reference: Reference) -> list[dict[str, Any]]:
        return [reference.accounts, reference.totals, reference.adjusted, reference.history]

    def check(self, of: Subject) -> State | None:
        """What the server holds equals what the Reference holds, and makes sense."""
        keys = self.all_keys(of)[:3]
        pipeline = self.client.pipeline(transaction=False)
        pipeline.hgetall(keys[0])
        pipeline.get(keys[1])
        pipeline.get(keys[2])
        fields, total, adjusted = pipeline.execute()
        expiries = expiries_ms(self.client, keys)
        self.expires_ms.update(zip(keys, expiries, strict=True))
        self._check_total(of, total, expiries[1])
        self._check_adjusted(of, adjusted, expiries[2])
        account = self.reference.accounts.get(of.tag)
        if account is None:
            assert not fields
            return None
        state = read_state(fields)
        assert_equal(state, expected_state(account))
        self._check_past(of)
        assert expiries[0] * 1000 == account.expires_us
        assert_sound(state)
        return state

    def _check_past(self, of: Subject) -> None:
        assert_equal(self.past(of), self.reference.history.get(of.tag, {}))

    def _check_total(self, of: Subject, packed: bytes | None, expires_ms: int) -> None:
        ledger, expires_us = self.reference.totals.get(of.tag, (None, None))
        if ledger is None:
            assert packed is None
            return
        assert packed is not None
        stored = decode(WINDOW, packed)
        assert stored == asdict(ledger)
        assert expires_ms == (-1 if expires_us is None else expires_us // 1000)

    def _check_adjusted(self, of: Subject, packed: bytes | None, expires_ms: int) -> None:
        known, expires_us = self.reference.adjusted.get(of.tag, (None, None))
        if known is None:
            assert packed is None
            return
        assert packed is not None
        assert read_adjusted(packed) == known
        assert expires_ms == (-1 if expires_us is None else expires_us // 1000)

    def expiry_ms(self, key: bytes) -> int:
        """Unix milliseconds; -1: never."""
        return expiries_ms(self.client, [key])[0]

    def keys(self, of: Subject) -> SubjectKeys:
        return subject_keys(NAMESPACE, of)
