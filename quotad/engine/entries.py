"""This process's own numbers for one Subject, and what an Answer says about them.

The store owns what it granted, this process owns what it did with the units; both are absolute and
only grow, so that a lost, repeated or late message changes nothing twice. A unit belongs to the day
in which it was granted and is named by that day's end.
"""

from typing import Final, NamedTuple

from quotad.core.quota import Answer, Call, DayNumbers, Memory
from quotad.engine.leases import Stock

_new_tuple: Final = tuple.__new__

_UNUSED: Final[dict[int, DayNumbers]] = {}
_UNUSED_MOST: Final = 64
"""Days of which there is nothing to tell, by their ends: the same for all Subjects."""


def _unused(end_us: int) -> DayNumbers:
    numbers = _UNUSED.get(end_us)
    if numbers is None:
        if len(_UNUSED) >= _UNUSED_MOST:
            _UNUSED.clear()
        numbers = _UNUSED[end_us] = DayNumbers(end_us, 0, 0)
    return numbers


class Day:
    """Numbers of one day. ``granted`` and ``at_once`` are the store's, as last heard."""

    __slots__ = ("_told", "at_once", "closed", "end_us", "given_back", "granted")

    def __init__(self, end_us: int = 0) -> None:
        self.end_us = end_us
        self.granted = 0
        self.at_once = 0
        """Of ``granted``: charged when granted (the plan had no condition); never Holds."""
        self.closed = 0
        self.given_back = 0
        self._told: DayNumbers | None = None

    @property
    def open(self) -> int:
        """Holds that are neither settled nor given back yet."""
        return self.granted - self.at_once - self.closed

    def numbers(self) -> DayNumbers:
        """What is sent to the store; made once per change."""
        told = self._told
        if told is None:
            if self.closed or self.given_back:
                # What DayNumbers(...) does, without its call in Python.
                told = _new_tuple(DayNumbers, (self.end_us, self.closed, self.given_back))
            else:
                told = _unused(self.end_us)
            self._told = told
        return told

    def close(self, units: int, given_back: int) -> None:
        """``units`` Holds have ended; ``given_back`` units, these or charged ones, were not used."""
        self.closed += units
        self.given_back += given_back
        self._told = None

    def assume(self, granted: int, at_once: int) -> None:
        """All of it was used."""
        self.granted, self.at_once, self.closed = granted, at_once, granted - at_once

    def hear(self, granted: int, at_once: int) -> tuple[int, int]:
        """Take the store's numbers; answers how many more (Holds, charged units) it granted."""
        held = (granted - at_once) - (self.granted - self.at_once)
        charged = at_once - self.at_once
        self.granted = granted
        self.at_once = at_once
        return max(held, 0), max(charged, 0)


class Heard(NamedTuple):
    """What an Answer meant beyond its own grant."""

    ahead: int = 0
    """Units that came on top, to be spent without asking."""
    paid: int = 0
    """Units that nobody waited for, which pay for requests admitted without the store."""
    returned: int = 0
    """The rest of these: given back."""


_NOTHING: Final = Heard()


class Entry:
    """This process's Entry in one Subject, mirrored."""

    __slots__ = (
        "_left",
        "ahead",
        "day",
        "day_used",
        "generation",
        "heard",
        "month_end_us",
        "month_used",
        "previous",
        "seen_us",
        "total_used",
        "version",
    )

    def __init__(self) -> None:
        self.generation = 0
        self.heard = 0
        """The number of the last call that was answered."""
        self.day = Day()
        self.previous = Day()
        self.seen_us = 0
        """The store's time of the last Answer; 0: there was none. It and the next six are what this process
        remembers of it, should the store forget: a whole Answer takes as much room as all else of a Lane."""
        self.version = 0
        self.ahead = 0
        """Units of the Entry that were granted ahead."""
        self.day_used = 0
        """Charged and open, of all; likewise of month and total."""
        self.month_end_us = 0
        self.month_used = 0
        self.total_used = 0
        self._left: tuple[int, Day, Day] | None = None
        """The Entry that was let go last: a store that forgets may bring it back."""

    @property
    def open(self) -> int:
        """Holds in flight, over both days that are kept."""
        return self.day.open + self.previous.open

    def find(self, generation: int, day_end_us: int) -> Day | None:
        """The day that a unit belongs to; None once that day or the whole Entry is gone.

        A unit of an Entry that was reclaimed is void: the store has settled it by ``onCrash``.
        """
        if generation != self.generation:
            return None
        if day_end_us == self.day.end_us:
            return self.day
        if day_end_us == self.previous.end_us:
            return self.previous
        return None

    def close(self, generation: int, day_end_us: int, counted: bool) -> bool:
        """A Hold's outcome is known. False when nothing is left to tell the store."""
        day = self.find(generation, day_end_us)
        if day is None or day.open <= 0:
            return False
        day.close(1, 0 if counted else 1)
        return True

    def give_back_charged(self, generation: int, day_end_us: int, units: int = 1) -> bool:
        """Units charged at grant were not used after all. False when their day is gone."""
        day = self.find(generation, day_end_us)
        if day is None:
            return False
        day.close(0, units)
        return True

    def memory(self) -> Memory | None:
        """What the store may have forgotten; None when it was never heard."""
        if not self.seen_us:
            return None
        day, previous = self.day, self.previous
        return Memory(
            self.seen_us,
            day.granted,
            day.at_once,
            self.ahead,
            previous.granted,
            previous.at_once,
            self.day_used,
            self.month_end_us,
            self.month_used,
            self.total_used,
        )

    def leave(self) -> None:
        """The store has let the Entry go. What was heard last is still remembered."""
        if self.generation:
            self._left = self.generation, self.day, self.previous
        self.generation = self.heard = 0
        self.day = Day(self.day.end_us)
        self.previous = Day(self.previous.end_us)

    def hear(
        self, call: Call, answer: Answer, admitted: int, stock: Stock | None = None, owed: int = 0
    ) -> Heard:
        """Take an Answer's numbers, and find the units of calls whose own reply never came.

        ``admitted`` requests heard of this Answer in time; below 0 it came too late, and grants nothing.
        Nobody waits for the units of lost and late replies. Up to ``owed`` of them pay for requests that
        were admitted without the store in the same day (they stay charged); the rest is given back.
        """
        # fmt: off
        # One unpacking costs half of what the attributes of a NamedTuple cost.
        (_, now_us, granted, _, _, _, generation, day_end_us, entry_granted, entry_at_once,
         previous_day_end_us, previous_granted, _, _, _, _, _, _, day_charged, day_open, month_end_us, _,
         month_charged, month_open, _, total_charged, total_open, version, entry_ahead) = answer
        # fmt: on
        self.heard = call.number
        self.seen_us, self.version, self.ahead = now_us, version, entry_ahead
        self.day_used, self.month_end_us = day_charged + day_open, month_end_us
        self.month_used, self.total_used = month_charged + month_open, total_charged + total_open
        ahead = 0
        if admitted < 0:
            admitted = 0
        elif stock is not None and granted > call.cost >= 0:
            ahead = granted - call.cost
        if generation != self.generation:
            self._begin(call, answer, admitted, ahead, stock)
        if day_end_us != self.day.end_us or previous_day_end_us != self.previous.end_us:
            self._shift(answer, stock)
        if stock is not None:
            stock.ahead += ahead
        day, previous = self.day, self.previous
        if entry_granted == day.granted + admitted + ahead and previous_granted == previous.granted:
            # Nearly always: everything granted was heard of.
            day.granted = entry_granted
            day.at_once = entry_at_once
            return Heard(ahead) if ahead else _NOTHING
        return self._find_lost(call, answer, admitted, ahead, stock, owed)

    def _find_lost(
        self, call: Call, answer: Answer, admitted: int, ahead: int, stock: Stock | None, owed: int
    ) -> Heard:
        """Units of calls whose own reply never came."""
        day, previous = self.day, self.previous
        held, charged = day.hear(answer.entry_granted, answer.entry_at_once)
        if call.terms.conditional:
            held = max(held - admitted, 0)
        else:
            charged = max(charged - admitted, 0)
        charged = max(charged - ahead, 0)
        paid = min(owed, held + charged)
        day.close(held, held + charged - paid)
        if stock is not None and answer.entry_ahead != stock.ahead:
            lost = max(0, answer.entry_ahead - stock.ahead)
            stock.ahead = answer.entry_ahead
            used = max(0, paid - (held + charged - lost))
            stock.spent += used
            stock.returned += lost - used
        late_held, late_charged = previous.hear(answer.entry_previous_granted, answer.entry_previous_at_once)
        previous.close(late_held, late_held + late_charged)
        return Heard(ahead, paid, held + charged - paid + late_held + late_charged)

    def _begin(self, call: Call, answer: Answer, admitted: int, ahead: int, stock: Stock | None) -> None:
        """Another Entry than before: a new one, or one that was let go and that the store knows again.

        Of the latter all units were accounted for but those of this call.
        """
        if self.recall(answer.generation):
            return
        self.generation = answer.generation
        self.day = Day(answer.day_end_us)
        self.previous = Day(answer.previous_day_end_us)
        if stock is not None:
            stock.begin_day()
        left, self._left = self._left, None
        if left is None or answer.generation > left[0]:
            return
        at_once = ahead if call.terms.conditional else ahead + admitted
        self.day.assume(answer.entry_granted - ahead - admitted, answer.entry_at_once - at_once)
        self.previous.assume(answer.entry_previous_granted, answer.entry_previous_at_once)
        if stock is not None:
            stock.ahead = stock.spent = answer.entry_ahead - ahead

    def recall(self, generation: int) -> bool:
        """The store knows an Entry of this generation: whether it is the one that was let go last."""
        left = self._left
        if left is None or self.generation or left[0] != generation:
            return False
        self.generation, self.day, self.previous = left
        self._left = None
        return True

    def _shift(self, answer: Answer, stock: Stock | None) -> None:
        if answer.day_end_us != self.day.end_us:
            ended = self.day
            if stock is not None:
                # Granted for a day that is over.
                ended.close(0, stock.left)
                stock.begin_day()
            self.day = Day(answer.day_end_us)
            self.previous = ended
        if answer.previous_day_end_us != self.previous.end_us:
            self.previous = Day(answer.previous_day_end_us)
