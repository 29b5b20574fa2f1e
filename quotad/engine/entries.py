"""This process's own numbers for one Subject, and what an Answer says about them.

The store owns what it granted, this process owns what it did with the units; both are absolute and
only grow, so that a lost, repeated or late message changes nothing twice. A unit belongs to the day
in which it was granted and is named by that day's end.
"""

from quotad.core.quota import Answer, DayNumbers


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
            told = self._told = DayNumbers(self.end_us, self.closed, self.given_back)
        return told

    def close(self, units: int, given_back: int) -> None:
        """``units`` Holds have ended; ``given_back`` units, these or charged ones, were not used."""
        self.closed += units
        self.given_back += given_back
        self._told = None

    def hear(self, granted: int, at_once: int) -> tuple[int, int]:
        """Take the store's numbers; answers how many more (Holds, charged units) it granted."""
        held = (granted - at_once) - (self.granted - self.at_once)
        charged = at_once - self.at_once
        self.granted = granted
        self.at_once = at_once
        return max(held, 0), max(charged, 0)


_NOTHING = (0, 0)


class Entry:
    """This process's Entry in one Subject, mirrored."""

    __slots__ = ("day", "generation", "previous")

    def __init__(self) -> None:
        self.generation = 0
        self.day = Day()
        self.previous = Day()

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

    def hear(self, answer: Answer, granted_now: int, conditional: bool, owed: int = 0) -> tuple[int, int]:
        """Take an Answer's numbers, and find the units of calls whose own reply never came.

        Nobody waits for those any more. Up to ``owed`` of them pay for requests that were admitted
        without the store in the same day (they stay charged); the rest is given back. Answers
        (paid with, given back).
        """
        if answer.generation != self.generation:
            self.generation = answer.generation
            self.day = Day(answer.day_end_us)
            self.previous = Day(answer.previous_day_end_us)
        elif answer.day_end_us != self.day.end_us or answer.previous_day_end_us != self.previous.end_us:
            self._shift(answer)
        day, previous = self.day, self.previous
        if (
            answer.entry_granted == day.granted + granted_now
            and answer.entry_previous_granted == previous.granted
        ):
            # Nearly always: everything granted was heard of.
            day.granted = answer.entry_granted
            day.at_once = answer.entry_at_once
            return _NOTHING
        held, charged = day.hear(answer.entry_granted, answer.entry_at_once)
        if conditional:
            held = max(held - granted_now, 0)
        else:
            charged = max(charged - granted_now, 0)
        paid = min(owed, held + charged)
        day.close(held, held + charged - paid)
        late_held, late_charged = previous.hear(answer.entry_previous_granted, answer.entry_previous_at_once)
        previous.close(late_held, late_held + late_charged)
        return paid, held + charged - paid + late_held + late_charged

    def _shift(self, answer: Answer) -> None:
        if answer.day_end_us != self.day.end_us:
            ended = self.day
            self.day = Day(answer.day_end_us)
            self.previous = ended
        if answer.previous_day_end_us != self.previous.end_us:
            self.previous = Day(answer.previous_day_end_us)
