import asyncio
import logging
import signal
import subprocess
import sys

import pytest

from quotad import lifetime
from quotad.errors import QuotadError

SCRIPT = """
import asyncio, os, signal, sys
from quotad import lifetime

class Service:
    async def start(self):
        print("start", flush=True)
        return {"listen": "127.0.0.1:1"}

    def reload(self):
        print("reload", flush=True)

    def swap(self):
        print("swap", flush=True)

    async def stop(self):
        print("stop", flush=True)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0)

lifetime.log_to_stderr()
sys.exit(asyncio.run(lifetime.serve(Service())))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_reload_and_end_a_service(number: signal.Signals) -> None:
    """SIGHUP reloads, SIGUSR2 swaps; SIGTERM and SIGINT stop it once and in order, whatever comes after."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        assert process.stdout.readline() == "start\n"
        assert "ready: listen=127.0.0.1:1" in process.stderr.readline()
        process.send_signal(signal.SIGHUP)
        assert process.stdout.readline() == "reload\n"
        process.send_signal(signal.SIGUSR2)
        assert process.stdout.readline() == "swap\n"
        process.send_signal(number)
        assert process.stdout.read() == "stop\n"
        assert "draining" in process.stderr.read()
        assert process.wait() == 0


class Failing:
    """A service that cannot start."""

    stopped = False

    async def start(self) -> dict[str, str]:
        """Half way."""
        raise QuotadError("no port")

    def reload(self) -> None:
        """Never reached."""

    def swap(self) -> None:
        """Neither."""

    async def stop(self) -> None:
        """Remember."""
        self.stopped = True


async def test_what_cannot_start_is_stopped() -> None:
    """The error goes on to the command, after all that was started has been let go."""
    before = {number: signal.getsignal(number) for number in lifetime.ENDING}
    service = Failing()
    try:
        with pytest.raises(QuotadError, match="no port"):
            await lifetime.serve(service)
    finally:
        for number in (signal.SIGHUP, signal.SIGUSR2):
            asyncio.get_running_loop().remove_signal_handler(number)
        for number, handler in before.items():
            signal.signal(number, handler)
    assert service.stopped


def test_the_log_level_may_change() -> None:
    """Whatever it was, ``info`` is what the process began with."""
    log = logging.getLogger("quotad")
    try:
        for level, number in (("error", logging.ERROR), ("debug", logging.DEBUG), ("info", logging.NOTSET)):
            lifetime.log_level(level)
            assert log.level == number
    finally:
        log.setLevel(logging.NOTSET)
