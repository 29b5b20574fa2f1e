"""Which of several backends serves a request: pure, but for the clock and the dice that it is given."""

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from quotad.core.health import Health


class Member(Protocol):
    """What is read of a backend."""

    health: Health

    @property
    def load(self) -> int:
        """Requests that it has, or that wait for it."""


M = TypeVar("M", bound=Member)


class Rotation(Generic[M]):
    """Backends that take turns; perhaps the less busy one of two.

    One that comes back takes fewer turns at first. One that is out takes none, unless too few are in:
    then it is more likely that something else is wrong, and all take their turns.
    """

    __slots__ = ("_clock", "_draw", "_least", "_panic_percent", "_turn", "members", "picks")

    def __init__(
        self,
        members: Sequence[M],
        least: bool,
        panic_percent: int,
        clock: Callable[[], float],
        draw: Callable[[], float],
    ) -> None:
        """``least``: the less busy of the one whose turn it is and another, which ``draw`` says.

        ``clock``: monotonic seconds. ``draw``: a number from 0, included, to 1, excluded.
        """
        self.members = tuple(members)
        self._least = least
        self._panic_percent = panic_percent
        self._clock = clock
        self._draw = draw
        self._turn = -1
        self.picks = 0
        """How often somebody was picked, retries left out."""

    def pick(self) -> M:
        """Whoever serves the next request."""
        self.picks += 1
        members = self.members
        if len(members) == 1:
            return members[0]
        self._turn = turn = (self._turn + 1) % len(members)
        member = members[turn]
        if member.health.troubled:
            member = self._instead_of(member)
        return self._less_busy(member) if self._least else member

    def other(self, tried: Sequence[M]) -> M | None:
        """Whoever serves a request that could not be served by these; None: nobody is left.

        One that is out is better than nobody.
        """
        now_s = self._clock()
        last_resort = None
        for _ in self.members:
            self._turn = (self._turn + 1) % len(self.members)
            member = self.members[self._turn]
            if member in tried:
                continue
            if not member.health.is_out(now_s):
                return member
            last_resort = last_resort or member
        return last_resort

    def _instead_of(self, member: M) -> M:
        """The next that takes its turn; this one, in panic."""
        now_s = self._clock()
        members = self.members
        well = sum(not each.health.is_out(now_s) for each in members)
        if not well or 100 * well < self._panic_percent * len(members):
            return member
        while member.health.troubled and not member.health.admits(now_s):
            # It ends: at least one is in, and gathers a part of a turn each time round.
            self._turn = (self._turn + 1) % len(members)
            member = members[self._turn]
        return member

    def _less_busy(self, member: M) -> M:
        rival = self.members[int(self._draw() * len(self.members))]
        if rival.load >= member.load:
            return member
        health = rival.health
        return member if health.troubled and not health.admits(self._clock()) else rival
