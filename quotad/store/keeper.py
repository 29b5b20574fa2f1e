"""Ties a private server's life to its owner's. A program of its own, run by ``store.embedded``.

    python -I -S keeper.py LIFELINE PROGRAM ARGUMENT...

LIFELINE is the number of a pipe's reading end; only the owner holds the other end, so it closes when
the owner lets go or dies, by whatever signal. Then the server gets SIGTERM, on which it writes and
syncs its append-only file. Why not the kernel's parent-death signal alone: Linux has it, macOS has
not, and it fires when the thread that started the server ends. It serves as a second tie, for the
case that somebody kills this program. Imports nothing of quotad, so that it stays small.
"""

import os
import select
import signal
import sys
from collections.abc import Callable
from types import FrameType

GRACE_S = 30.0
"""A server that does not end within this time after SIGTERM is killed."""

_PR_SET_PDEATHSIG = 1


def main(lifeline: int, command: list[str]) -> int:
    """Run the command until it ends or the lifeline closes; its exit code, negative for a signal."""
    os.set_inheritable(lifeline, False)
    os.umask(0o077)
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, _wake_only)
    return _watch(_spawn(command), lifeline, wake)


def _spawn(command: list[str]) -> int:
    tie = _death_tie()
    parent = os.getpid()
    child = os.fork()
    if child:
        return child
    try:
        tie()
        if os.getppid() == parent:
            os.execv(command[0], command)  # noqa: S606 - no shell is wanted
    finally:
        os._exit(127)


def _watch(server: int, lifeline: int, wake: int) -> int:
    ends = [lifeline, wake]
    while True:
        ended, status = os.waitpid(server, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        readable, _, _ = select.select(ends, [], [], None if lifeline in ends else GRACE_S)
        if not readable:
            os.kill(server, signal.SIGKILL)
        asked = wake in readable and signal.SIGTERM in os.read(wake, 64)
        if asked or (lifeline in readable):
            ends = [wake]
            os.kill(server, signal.SIGTERM)
            os.kill(server, signal.SIGCONT)


def _death_tie() -> Callable[[], object]:
    """What the server's process does before it becomes the server. Found before the fork."""
    if sys.platform != "linux":
        return _no_tie
    try:
        import ctypes

        prctl = ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return _no_tie
    return lambda: prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def _no_tie() -> object:
    return None


def _wake_only(_number: int, _frame: FrameType | None) -> None:
    """A handler must stand for the wake-up pipe to be written."""


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
