"""What a Limiter does although nobody asks: tell settles, keep Entries and Leases alive, let go of them."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from quotad.clock import MonotonicClock
from quotad.core.quota import Answer
from quotad.engine.combiner import Combiner
from quotad.engine.failure import Outage
from quotad.engine.lane import Lane
from quotad.engine.leases import Stock

SETTLE_DELAY_S = 0.025
"""How long settles wait for a request of their Subject to ride with before they go alone."""

OUTAGE_SETTLE_DELAY_S = 0.5
"""The same while the store is failing: it is not to be hammered."""

HEARTBEATS_PER_HOLD = 3
"""An Entry with Holds is renewed this often within the hold time: two may be lost."""

REFILL_S = 0.05
"""Stocks that run low wait so long for others to be filled in the same call; those that last long wait
longer: half a Lease is left then."""
LONGEST_REFILL_S = 0.25

TEND_S = 0.005
"""Stocks are not looked at more often."""

WATCH_S = 0.5
"""How often this process looks whether a connection was made anew though nobody asked anything."""

DENIED_S = 1.0
"""How long a used-up quota is taken to be used up without asking; asked again before, while requests come."""
DENIED_AGAIN_S = 0.8

IDLE_BEATS = 4
"""An Entry of which nothing was asked for so many beats is let go, before the hold time ends it."""

BEATEN_AT_ONCE = 256
BEAT_PAUSE_S = 0.01
"""So many Lanes are looked at in one turn of the loop, the next ones after this pause: requests do not wait
until all of 100,000 were looked at, nor does the store get all their calls at once."""

PUSHED_AT_ONCE = 256
PUSH_PAUSE_S = 0.02
"""After a failover: so many Subjects at a time are told what this process remembers."""


class Timer(Protocol):
    """What ``call_later`` answers."""

    def cancel(self) -> None:
        """Do not call any more."""


CallLater = Callable[[float, Callable[[], None]], Timer]


class Upkeep:
    """Looks after the Lanes of one Limiter."""

    def __init__(
        self,
        combiner: Combiner,
        outage: Outage,
        *,
        hold_s: float,
        monotonic_s: MonotonicClock,
        call_later: CallLater,
    ) -> None:
        self._lanes: list[Lane] = []
        self._combiner = combiner
        self._outage = outage
        self._beat_s = hold_s / HEARTBEATS_PER_HOLD
        self._monotonic_s = monotonic_s
        self._call_later = call_later
        self._dirty: list[Lane] = []
        self._low: list[Lane] = []
        self._stocked: list[Lane] = []
        self._denied: dict[Lane, None] = {}
        self._to_push: list[Lane] = []
        self._to_beat = 0
        """How many Lanes, the eldest ones, this round has not looked at yet."""
        self._reconnects = combiner.reconnects
        self._heartbeat: Timer | None = None
        self._beating: Timer | None = None
        self._watching: Timer | None = None
        self.on_new_connection: Callable[[], None] | None = None
        """Called when one was made in the place of an earlier one."""
        self.resolved = asyncio.Event()
        """Set whenever a call is resolved."""

    def take(self, lane: Lane) -> None:
        """Look after a Lane from now on, for as long as the process lives."""
        self._lanes.append(lane)

    # Numbers that must reach the store.

    def soil(self, lane: Lane) -> None:
        """The Lane has numbers that the store has not heard: they go soon, with a request or alone."""
        lane.dirty = True
        if lane.listed:
            return
        lane.listed = True
        if not lane.owes_since_s:
            lane.owes_since_s = self._monotonic_s()
        if not self._dirty:
            delay_s = OUTAGE_SETTLE_DELAY_S if self._outage.failing else SETTLE_DELAY_S
            self._call_later(delay_s, self.wash)
        self._dirty.append(lane)

    def wash(self) -> None:
        """Send what is dirty."""
        lanes, self._dirty = self._dirty, []
        for lane in lanes:
            lane.listed = False
            if lane.dirty and lane.busy:
                self.soil(lane)
            elif lane.dirty:
                self._combiner.send(lane)

    # Stocks.

    def low(self, lane: Lane) -> None:
        """The Lane's stock runs low: it is filled with others'."""
        if lane.wants:
            return
        lane.wants = True
        if not self._low:
            ttl_s = 0.0 if lane.stock is None else lane.stock.ttl_s
            self._call_later(min(max(REFILL_S, ttl_s / 20), LONGEST_REFILL_S), self._refill)
        self._low.append(lane)

    def _refill(self) -> None:
        lanes, self._low = self._low, []
        for lane in lanes:
            if lane.wants:
                self._combiner.send(lane)

    def stocked(self, lane: Lane, stock: Stock) -> None:
        """The Lane has a stock: it is renewed while requests come, else given back."""
        if stock.listed:
            return
        stock.listed = True
        if not self._stocked:
            self._call_later(_pause_s([lane]), self._tend)
        self._stocked.append(lane)

    def _tend(self) -> None:
        now_s = self._monotonic_s()
        kept: list[Lane] = []
        for lane in self._stocked:
            stock = lane.stock
            if stock is None or not stock.left:
                if stock is not None:
                    stock.listed = False
                continue
            kept.append(lane)
            if now_s < min(stock.renewed_s + stock.ttl_s / 2, stock.ends_s) or lane.busy:
                continue
            if now_s >= stock.ends_s or (lane.asked == stock.renewed_at and not self._stands_by(stock)):
                self.give_back(lane)
            else:
                lane.wants = True
                self._combiner.send(lane)
        self._stocked = kept
        if kept:
            self._call_later(_pause_s(kept), self._tend)

    def _stands_by(self, stock: Stock) -> bool:
        """Whether it may be all that there is for a while."""
        return self._outage.failing and stock.keep > 0

    def give_back(self, lane: Lane) -> None:
        """Spend nothing more of the Lane's stock."""
        stock = lane.stock
        if stock is not None and stock.left:
            lane.entry.day.close(0, stock.take_back())
            self.soil(lane)

    # Refusals that hold.

    def deny(self, lane: Lane, answer: Answer) -> None:
        """The store refused for a quota that is used up, or a bucket that is empty for a known time."""
        lasts_s = min(answer.retry_us / 1e6, DENIED_S) if answer.retry_us else DENIED_S
        lane.denied, lane.denied_hits = answer, 0
        lane.denied_until_s = lane.sent_s + lasts_s
        if lasts_s > DENIED_AGAIN_S and lane not in self._denied:
            if not self._denied:
                self._call_later(DENIED_AGAIN_S, self._ask_again)
            self._denied[lane] = None

    def _ask_again(self) -> None:
        kept: dict[Lane, None] = {}
        for lane in self._denied:
            if lane.denied is None:
                continue
            if not lane.denied_hits:
                lane.denied = None
                continue
            kept[lane] = None
            lane.denied_hits = 0
            if not lane.busy:
                lane.wants = True
                self._combiner.send(lane)
        self._denied = kept
        if kept:
            self._call_later(DENIED_AGAIN_S, self._ask_again)

    # Entries.

    def start(self) -> None:
        """Begin to renew Entries that hold units, and to look for new connections."""
        self.beat()
        self._watch()

    def _watch(self) -> None:
        self._watching = self._call_later(WATCH_S, self._watch)
        self.look()

    def look(self) -> None:
        """A connection that was made anew may lead to a server that has lost writes."""
        reconnects = self._combiner.reconnects
        if reconnects != self._reconnects:
            self._reconnects = reconnects
            self.push()
            if self.on_new_connection is not None:
                self.on_new_connection()

    def beat(self) -> None:
        """Renew Entries that hold units and were silent, let go of those of which nothing is asked."""
        self._heartbeat = self._call_later(self._beat_s / 2, self.beat)
        if not self._to_beat:
            self._to_beat = len(self._lanes)
            self._beat_some()

    def _beat_some(self) -> None:
        end = self._to_beat
        start = self._to_beat = max(0, end - BEATEN_AT_ONCE)
        silent_since_s = self._monotonic_s() - self._beat_s
        for lane in self._lanes[start:end]:
            lane.idle_beats = 0 if lane.asked != lane.asked_before else lane.idle_beats + 1
            lane.asked_before = lane.asked
            if lane.busy or (lane.sent_s > silent_since_s and lane.idle_beats < IDLE_BEATS):
                # Nothing else of it is looked at: of 100,000 Lanes it is in no cache of the processor.
                continue
            stock = lane.stock
            if stock is not None and stock.left:
                continue
            if lane.is_in_use:
                if lane.sent_s <= silent_since_s:
                    self._combiner.send(lane)
            elif lane.idle_beats >= IDLE_BEATS and lane.entry.generation and not lane.dirty:
                self._leave(lane)
        if self._to_beat:
            # However many there are, the round is over before the next one is due.
            in_time_s = self._beat_s / 4 * BEATEN_AT_ONCE / len(self._lanes)
            self._beating = self._call_later(min(BEAT_PAUSE_S, in_time_s), self._beat_some)

    def _leave(self, lane: Lane) -> None:
        lane.leaving = True
        self._combiner.send(lane)

    def push(self) -> None:
        """The store may have lost writes: tell it what this process remembers, the busiest Subjects first."""
        lanes = [lane for lane in self._lanes if lane.entry.seen_us]
        lanes.sort(key=lambda lane: (lane.idle_beats, -lane.asked))
        is_new = not self._to_push
        self._to_push = [lane for lane in lanes if lane.is_in_use or lane.idle_beats < IDLE_BEATS]
        if is_new and self._to_push:
            self._push_some()

    def _push_some(self) -> None:
        lanes, self._to_push = self._to_push[:PUSHED_AT_ONCE], self._to_push[PUSHED_AT_ONCE:]
        for lane in lanes:
            lane.remembers = True
            self._combiner.send(lane)
        if self._to_push:
            self._call_later(PUSH_PAUSE_S, self._push_some)

    async def close(self, within_s: float) -> bool:
        """Tell the store what it has not heard, and let go of everything. False when that took too long."""
        for timer in (self._heartbeat, self._beating, self._watching):
            if timer is not None:
                timer.cancel()
        try:
            async with asyncio.timeout(within_s):
                while self._retire():
                    await self._settled()
                for lane in self._lanes:
                    if lane.entry.generation and not lane.entry.open:
                        self._leave(lane)
                await self._settled()
        except TimeoutError:
            return False
        return True

    def _retire(self) -> bool:
        """Take nothing more ahead, give back what is there. False when nothing is left to be told."""
        for lane in self._lanes:
            lane.wants = False
            if lane.stock is not None:
                lane.stock.retire()
                self.give_back(lane)
        return bool(self._dirty) or not self._combiner.idle

    async def _settled(self) -> None:
        while self._dirty or not self._combiner.idle:
            self.wash()
            if self._combiner.idle:
                continue
            self.resolved.clear()
            await self.resolved.wait()
            if self._outage.failing:
                await asyncio.sleep(SETTLE_DELAY_S)


def _pause_s(lanes: Iterable[Lane]) -> float:
    """Until stocks are looked at again: a quarter of the shortest Lease."""
    return min(max(lane.stock.ttl_s / 4, TEND_S) for lane in lanes if lane.stock is not None)
