import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from quotad.store import keeper


@contextlib.contextmanager
def kept(*command: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A keeper that runs this command, and the pipe end that an owner would hold."""
    reader, lifeline = os.pipe()
    arguments = [sys.executable, "-I", "-S", keeper.__file__, str(reader), *command]
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=(reader,)
    ) as process:
        os.close(reader)
        try:
            yield process, lifeline
        finally:
            with contextlib.suppress(OSError):
                os.close(lifeline)
            process.kill()


# os.write, since the signal may come while a print is still on its way out.
POLITE = (
    "import os, signal, sys\n"
    "def end(*_):\n    os.write(1, b'written\\n')\n    sys.exit(5)\n"
    "signal.signal(signal.SIGTERM, end)\n"
    "os.write(1, b'up\\n')\n"
    "signal.pause()\n"
)


@pytest.mark.parametrize("way", ["lifeline", "sigterm"])
def test_the_server_ends_in_good_order(way: str) -> None:
    """A closed lifeline, or SIGTERM to the keeper: the server gets SIGTERM and the time to write."""
    with kept(sys.executable, "-c", POLITE) as (process, lifeline):
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        if way == "lifeline":
            os.close(lifeline)
        else:
            process.terminate()
        assert process.stdout.readline() == "written\n"
        assert process.wait(15) == 5


def test_the_servers_own_end_is_passed_on() -> None:
    """A server that ends by itself ends its keeper, with the same exit code."""
    with kept(sys.executable, "-c", "raise SystemExit(3)") as (process, _):
        assert process.wait(15) == 3


def test_a_killed_server_is_told_apart() -> None:
    """The exit code is not 0 when a signal ended the server."""
    script = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    with kept(sys.executable, "-c", script) as (process, _):
        assert process.wait(15) == 256 - signal.SIGKILL


def test_a_program_that_is_not_there() -> None:
    """It ends at once with 127, like a shell."""
    with kept("/nonexistent/server") as (process, _):
        assert process.wait(15) == 127


def test_a_stopped_server_is_woken_to_end() -> None:
    """SIGSTOP does not keep the server alive beyond its owner."""
    script = "import os; print(os.getpid(), flush=True); import signal; signal.pause()"
    with kept(sys.executable, "-c", script) as (process, lifeline):
        assert process.stdout is not None
        server = int(process.stdout.readline())
        os.kill(server, signal.SIGSTOP)
        os.close(lifeline)
        assert process.wait(15) == 256 - signal.SIGTERM
