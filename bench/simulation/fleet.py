"""The sidecars of one run, and what their callers heard."""

from collections.abc import Sequence
from random import Random

from bench.simulation.loop import SimulatedLoop
from bench.simulation.network import HOLD_S, START_US, Server, SimulatedStore
from quotad.core.plans import Subject
from quotad.core.verdict import Verdict
from quotad.engine.limiter import Limiter

MAX_WAITING = 10_000


class Tally:
    """What was asked and heard, summed as it happens."""

    def __init__(self, subjects: int, sidecars: int) -> None:
        self.asked = [0] * sidecars
        self.admitted = [0] * sidecars
        self.of_subject = [0] * subjects
        """Admitted, per Subject."""
        self.quota_refused = [0] * subjects
        """Refused for a quota, per Subject."""
        self.refused: dict[str, int] = {}
        """Reason to requests."""
        self.waits_s: list[float] = []
        """Of requests that were not answered at once."""
        self.at_once = 0
        self.instants_s: list[tuple[int, float]] = []
        """Admissions as (Subject, when): when the store granted, or when a unit taken ahead was spent."""
        self.keeps_instants = False


class Request:
    """One caller who waits (``core.verdict.Waiter``)."""

    __slots__ = ("asked_s", "fleet", "gone", "place", "sidecar")

    def __init__(self, fleet: "Fleet", sidecar: int, place: int, asked_s: float) -> None:
        self.fleet = fleet
        self.sidecar = sidecar
        self.place = place
        self.asked_s = asked_s
        self.gone = False

    def on_verdict(self, verdict: Verdict) -> None:
        """Hear it, later."""
        self.fleet.heard(self, verdict)


class Member:
    """One process start."""

    def __init__(self, limiter: Limiter, store: SimulatedStore) -> None:
        self.limiter = limiter
        self.store = store


class Fleet:
    """Sidecars on one store. A killed one is replaced by a new process at the same place."""

    def __init__(
        self, loop: SimulatedLoop, server: Server, subjects: Sequence[Subject], count: int, random: Random
    ) -> None:
        self.subjects = subjects
        self.tally = Tally(len(subjects), count)
        self._loop = loop
        self._server = server
        self._random = random
        self._started = 0
        self.members: list[Member] = []

    def start(self, count: int) -> None:
        """So many processes; to be called on the loop."""
        self.members = [self._member() for _ in range(count)]

    def _member(self) -> Member:
        self._started += 1
        store = SimulatedStore(self._loop, self._server, self._random, self._started.to_bytes(8, "big"))
        wrong_s = self._random.uniform(-3600, 3600)
        limiter = Limiter(
            store,
            hold_s=HOLD_S,
            max_waiting=MAX_WAITING,
            monotonic_s=self._loop.time,
            # Nobody's clock is right: only the store's decides.
            wall_s=lambda: START_US / 1e6 + self._loop.now_s + wrong_s,
            call_later=self._loop.call_later,
        )
        limiter.start()
        return Member(limiter, store)

    def ask(self, sidecar: int, place: int) -> None:
        """One request for a Subject."""
        tally, now_s = self.tally, self._loop.now_s
        tally.asked[sidecar] += 1
        request = Request(self, sidecar, place, now_s)
        verdict = self.members[sidecar].limiter.reserve(self.subjects[place], request)
        if verdict is not None:
            tally.at_once += 1
            self._book(request, verdict, now_s)

    def heard(self, request: Request, verdict: Verdict) -> None:
        """A request that waited has its Verdict."""
        now_s = self._loop.now_s
        self.tally.waits_s.append(now_s - request.asked_s)
        answer = verdict.answer
        # What the store granted to a request that waited was granted by its time, not when that heard.
        granted_s = now_s if answer is None else min(now_s, (answer.now_us - START_US) / 1e6)
        self._book(request, verdict, granted_s)

    def _book(self, request: Request, verdict: Verdict, granted_s: float) -> None:
        tally = self.tally
        if not verdict.admitted:
            tally.refused[verdict.reason] = tally.refused.get(verdict.reason, 0) + 1
            if verdict.reason == "quota":
                tally.quota_refused[request.place] += 1
            return
        tally.admitted[request.sidecar] += 1
        tally.of_subject[request.place] += 1
        if tally.keeps_instants:
            tally.instants_s.append((request.place, granted_s))

    def kill(self, places: Sequence[int]) -> int:
        """``kill -9``: what they held is nobody's; new processes take their places at once.

        Answers how many units they knew that they held ahead.
        """
        units = 0
        for place in places:
            member = self.members[place]
            member.store.dead = True
            units += sum(member.limiter.leased().values())
            self.members[place] = self._member()
        return units

    @property
    def held_ahead(self) -> int:
        """Units that live processes hold and may still spend."""
        return sum(sum(member.limiter.leased().values()) for member in self.members)
