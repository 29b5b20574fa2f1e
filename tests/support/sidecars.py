"""A Sidecar that tells the truth: it keeps its own numbers as ``quotad.engine`` does, but plainly."""

from dataclasses import dataclass, field
from typing import Any

from quotad.core.quota import LEAVE, Answer, AnswerStatus, Call, DayNumbers, Memory, Terms
from tests.support.stored import State
from tests.support.twins import Twins, subject


@dataclass
class Day:
    """Units of one day."""

    end_us: int = 0
    granted: int = 0
    at_once: int = 0
    closed: int = 0
    given_back: int = 0

    def numbers(self) -> DayNumbers:
        return DayNumbers(self.end_us, self.closed, self.given_back)


@dataclass
class Sidecar:
    """One process start, and all that it knows of the first Subject."""

    twins: Twins
    number: int
    asked: Terms
    generation: int = 0
    heard: int = 0
    answer: Answer | None = None
    day: Day = field(default_factory=Day)
    previous: Day = field(default_factory=Day)
    spent: int = 0
    returned: int = 0
    told: int = 0
    """How often the store asked what it remembers."""

    def ask(self, cost: int = 1, ahead: int = 0) -> Answer:
        """Reserve; what the store has forgotten is told it."""
        call = self.call(cost, ahead=ahead)
        answer = self.twins.submit([call], self.number)[0]
        if answer.status == AnswerStatus.STATE_LOST:
            self.told += 1
            call = call._replace(memory=self.memory())
            answer = self.twins.submit([call], self.number)[0]
        return self.hear(call, answer)

    def tell(self, *, leaves: bool = False) -> Answer:
        """Settle."""
        call = self.call(LEAVE if leaves else 0)
        answer = self.twins.submit([call], self.number, settle_only=True)[0]
        return answer if answer.status == AnswerStatus.STATE_LOST else self.hear(call, answer)

    def ask_unheard(self, cost: int = 1, ahead: int = 0) -> Answer:
        """Reserve, but the reply is lost."""
        return self.twins.submit([self.call(cost, ahead=ahead)], self.number)[0]

    def close(self, holds: int, *, counted: int = 0) -> None:
        """Holds have ended; ``counted`` of them are use."""
        self.day.closed += holds
        self.day.given_back += holds - counted

    def spend(self, units: int) -> None:
        """Requests used units that were granted ahead."""
        self.spent += units

    def give_back(self, units: int) -> None:
        """Units granted ahead that nobody will use."""
        self.returned += units
        self.day.given_back += units

    def call(self, cost: int, **more: Any) -> Call:
        version = self.answer.version if self.answer else 0
        said = (self.day.numbers(), self.previous.numbers(), self.heard, version)
        call = Call(subject(), self.asked, cost, self.generation, self.twins.next_number(), *said)
        return call._replace(spent=self.spent, returned=self.returned, **more)

    def memory(self) -> Memory:
        """What it last heard."""
        answer = self.answer
        assert answer is not None
        return Memory(
            answer.now_us,
            self.day.granted,
            self.day.at_once,
            answer.entry_ahead,
            self.previous.granted,
            self.previous.at_once,
            answer.day_charged + answer.day_open,
            answer.month_end_us,
            answer.month_charged + answer.month_open,
            answer.total_charged + answer.total_open,
        )

    def hear(self, call: Call, answer: Answer) -> Answer:
        if answer.generation != self.generation:
            self.day, self.previous = Day(answer.day_end_us), Day(answer.previous_day_end_us)
            self.spent = self.returned = 0
        elif answer.day_end_us != self.day.end_us:
            self.previous, self.day = self.day, Day(answer.day_end_us)
            self.spent = self.returned = 0
        if self.previous.end_us != answer.previous_day_end_us:
            self.previous = Day(answer.previous_day_end_us)
        self.generation, self.heard, self.answer = answer.generation, call.number, answer
        self.day.granted, self.day.at_once = answer.entry_granted, answer.entry_at_once
        self.previous.granted = answer.entry_previous_granted
        self.previous.at_once = answer.entry_previous_at_once
        return answer


def forget(twins: Twins) -> None:
    """The store is empty."""
    twins.forget(subject())


def stored(twins: Twins) -> State:
    """What the store holds, by name."""
    state = twins.check(subject())
    assert state is not None
    return state


def used(answer: Answer) -> tuple[int, int, int]:
    """Of day, month and total."""
    return (
        answer.day_charged + answer.day_open,
        answer.month_charged + answer.month_open,
        answer.total_charged + answer.total_open,
    )
