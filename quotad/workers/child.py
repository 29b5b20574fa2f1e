"""One worker as the supervisor sees it: a process, its channel, its last known numbers."""

import asyncio
import contextlib
import itertools
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from quotad import __version__
from quotad.errors import QuotadError
from quotad.telemetry.figures import Figures
from quotad.workers.channel import Channel

Answer = dict[str, Any]
Slots = Sequence[Sequence[socket.socket]]

log = logging.getLogger("quotad")

_FLAGS = (("isolated", "-I"), ("safe_path", "-P"), ("ignore_environment", "-E"), ("no_user_site", "-s"))
"""What decides where the interpreter finds quotad; a worker finds it in the same place."""


class Child:
    """A worker process. ``ready`` once it listens; the rest of its life is up to ``Crew``."""

    def __init__(
        self,
        number: int,
        process: asyncio.subprocess.Process,
        channel: Channel,
        take: Callable[[Answer], Figures],
    ) -> None:
        """``take`` reads a report."""
        self.number = number
        self.process = process
        self.figures = Figures()
        self.parcel = b""
        """The configuration that it has."""
        self.listens = False
        """From the moment in which it was told to listen: what comes after must reach it as an order."""
        self.slots: tuple[int, ...] = ()
        """Places that it accepts callers at, or was told to."""
        self.retired = False
        """Another one has its place."""
        self.ready = False
        self.loaded = True
        """Whether it knows what it may serve."""
        self._channel = channel
        self._take = take
        self._ids = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Answer]] = {}
        self._reporting: asyncio.Future[Answer] | None = None
        self._asked_s = 0.0
        self._ready_s = 0.0
        loop = asyncio.get_running_loop()
        self._clock = loop.time
        self._hearing = loop.create_task(self._hear())

    @classmethod
    async def spawn(
        cls, number: int, log_lock: int, slots: Slots, take: Callable[[Answer], Figures]
    ) -> "Child":
        """Run a fresh interpreter, which is handed every place to listen. Raises QuotadError."""
        handed_down = [[each.fileno() for each in slot] for slot in slots]
        try:
            ours, theirs = socket.socketpair()
            with theirs, contextlib.ExitStack() as undo:
                undo.callback(ours.close)
                process = await asyncio.create_subprocess_exec(
                    *[
                        sys.executable,
                        *_flags(),
                        "-m",
                        "quotad",
                        "worker",
                        str(theirs.fileno()),
                        str(log_lock),
                        ";".join(",".join(map(str, slot)) for slot in handed_down),
                    ],
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(), log_lock, *itertools.chain(*handed_down)),
                    # A Ctrl-C in the terminal is for the supervisor, which drains its workers.
                    start_new_session=True,
                )
                undo.pop_all()
        except OSError as error:
            raise QuotadError(f"a worker cannot be run: {error.strerror or error}") from error
        return cls(number, process, await Channel.over(ours), take)

    async def order(self, verb: str, timeout_s: float, **arguments: object) -> Answer:
        """Have one thing done. Raises QuotadError: the worker refuses, dies, or takes too long."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._ask(verb, **arguments)
        except TimeoutError:
            raise QuotadError(f"worker {self.number}: no answer to {verb} in {timeout_s:.0f} s") from None

    async def start(self, parcel: bytes, timeout_s: float, version: str = __version__) -> None:
        """Have every part started but the callers' port; ``version``: empty for whichever is installed.

        Raises QuotadError.
        """
        self.parcel = parcel
        await self.order(
            "start", timeout_s, parcel=parcel.decode("ascii"), number=self.number, version=version
        )

    async def listen(self, slots: Iterable[int], timeout_s: float) -> None:
        """Have callers accepted at these places, and at no others. Raises QuotadError."""
        self.slots = tuple(slots)
        await self.order("listen", timeout_s, slots=self.slots)

    def is_ready(self) -> None:
        """It listens now."""
        self.ready = True
        self._ready_s = self._clock()

    @property
    def ready_for_s(self) -> float:
        """How long ago it became ready; 0.0: never."""
        return self._clock() - self._ready_s if self._ready_s else 0.0

    def report(self) -> "asyncio.Future[Answer]":
        """Ask for its numbers, unless it was asked and has not answered yet."""
        if self._reporting is None or self._reporting.done():
            self._asked_s = self._clock()
            self._reporting = self._ask("report")
        return self._reporting

    @property
    def silent_s(self) -> float:
        """For how long it owes its numbers."""
        if self._reporting is None or self._reporting.done():
            return 0.0
        return self._clock() - self._asked_s

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Signal it, if it is still there."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    async def ended(self) -> int:
        """Wait for its end, and for all that it said before; answers how it ended."""
        status = await self.process.wait()
        await self._hearing
        await self._channel.close()
        return status

    def _ask(self, verb: str, **arguments: object) -> "asyncio.Future[Answer]":
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        # An answer that nobody waits for any more is no error of the loop's.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        if self._hearing.done():
            future.set_exception(QuotadError(f"worker {self.number} has ended"))
            return future
        number = next(self._ids)
        self._asked[number] = future
        self._channel.send({"id": number, "verb": verb, **arguments})
        return future

    async def _hear(self) -> None:
        try:
            while (answer := await self._channel.receive()) is not None:
                self._heard(answer)
        except Exception:
            log.exception("worker %d cannot be understood and is replaced", self.number)
            self.end(signal.SIGKILL)
        self.ready = False
        for future in self._asked.values():
            if not future.done():
                future.set_exception(QuotadError(f"worker {self.number} has ended"))

    def _heard(self, answer: Answer) -> None:
        self.loaded = answer.get("loaded", self.loaded)
        if "figures" in answer or "places" in answer:
            self.figures.renew(self._take(answer))
        future = self._asked.pop(answer.get("id", 0), None)
        if future is None or future.done():
            return
        if "error" in answer:
            future.set_exception(QuotadError(answer["error"]))
        else:
            future.set_result(answer)


def _flags() -> list[str]:
    return [flag for name, flag in _FLAGS if getattr(sys.flags, name)]
