"""From start to exit of a serving process: logging, signals, the collector."""

import asyncio
import contextlib
import gc
import logging
import resource
import signal
import sys
from collections.abc import Mapping
from typing import Protocol

from quotad import __version__

ENDING = (signal.SIGTERM, signal.SIGINT)

SETTLE_WITHIN_S = 5.0
"""At the end: how long the store is given to hear the last settles."""

DESCRIPTORS = 262_144
"""Asked for at the start, as far as the system allows."""

log = logging.getLogger("quotad")


class Service(Protocol):
    """What is started, told to reload, and stopped."""

    async def start(self) -> Mapping[str, str]:
        """Start every part; answers what each port is bound to. Raises QuotadError."""

    def reload(self) -> None:
        """Read the configuration again."""

    def swap(self) -> None:
        """Put new processes in the place of those that serve callers."""

    async def stop(self) -> None:
        """Drain, and let go of all that was started, also after a start that failed half way."""


class Watching(Protocol):
    """Who sees that the configuration has changed (``watch.Watch``)."""

    async def start(self) -> None:
        """From now on a change is one."""

    async def run(self) -> None:
        """Look until cancelled."""


def log_to_stderr(who: str = "") -> None:
    """Log lines go to standard error; ``who`` tells processes of one quotad apart."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format=f"%(asctime)s %(levelname)s %(name)s{who} %(message)s"
    )


def log_level(level: str) -> None:
    """From now on so much is logged: ``debug``, ``info``, ``warning`` or ``error``."""
    # What ``log_to_stderr`` set stands for ``info``.
    log.setLevel(logging.NOTSET if level == "info" else level.upper())


async def serve(service: Service, watching: Watching | None = None) -> int:
    """Run until SIGTERM or SIGINT; answers the exit status. Raises QuotadError.

    SIGHUP reloads, SIGUSR2 swaps. ``watching`` looks from before the start until the drain begins.
    """
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    end_by_signal(ended)
    loop.add_signal_handler(signal.SIGHUP, service.reload)
    loop.add_signal_handler(signal.SIGUSR2, service.swap)
    lift_descriptor_limit()
    if watching is not None:
        await watching.start()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(service.stop)
        bound = await service.start()
        calm_collector()
        log.info("quotad %s ready: %s", __version__, _addresses(bound))
        looking = None if watching is None else loop.create_task(watching.run())
        await ended.wait()
        if looking is not None:
            looking.cancel()
        log.info("draining")
    ignore_endings()
    return 0


def end_by_signal(ended: asyncio.Event) -> None:
    """From now on SIGTERM and SIGINT set ``ended`` and do nothing else."""
    loop = asyncio.get_running_loop()

    def end(_number: int, _frame: object) -> None:
        loop.call_soon_threadsafe(ended.set)

    for number in ENDING:
        # Not the loop's own handlers: closing, it would leave a moment in which a signal kills.
        signal.signal(number, end)


def ignore_endings() -> None:
    """All is told and closed: a second signal must not turn this end into a killed one."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)


def lift_descriptor_limit() -> None:
    """Have as many descriptors as one may ask for: the usual 1,024 are for programs that use select()."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def calm_collector() -> None:
    """Keep the garbage collector out of the way of requests, which leave no cycles behind.

    What was loaded stays for good, so it is looked at no more; young objects are looked at after
    10,000 rather than 700: at 700, 6 % of a request's CPU time went into finding nothing. After 50,000, as
    many come with 6,000 Subjects that were not asked for before, every request would wait five times as long.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 100, 100)


def _addresses(bound: Mapping[str, str]) -> str:
    return " ".join(f"{name}={address}" for name, address in bound.items())
