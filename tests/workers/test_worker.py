import asyncio
import socket
import subprocess
import sys

from quotad import __version__
from quotad.workers.channel import Channel
from quotad.workers.worker import Worker

STUCK = """
import socket, threading
from quotad.workers import worker
worker.ORPHAN_END_S = 0.01
threading.Thread(target=worker._end_with_supervisor, args=(0,), daemon=True).start()
print("stuck", flush=True)
while True:
    pass
"""


async def test_orders_out_of_turn_are_refused_in_words() -> None:
    """Each answer has its order's id; nothing ends the worker but the end of the channel."""
    ours, theirs = socket.socketpair()
    supervisor = await Channel.over(ours)
    worker = Worker(await Channel.over(theirs), 0)
    obeying = asyncio.ensure_future(worker.obey())
    orders: list[tuple[dict[str, object], str]] = [
        ({"verb": "report"}, "not started"),
        ({"verb": "listen", "slots": []}, "not started"),
        ({"verb": "commit"}, "nothing was prepared"),
        ({"verb": "prepare", "parcel": "null"}, "not a configuration"),
        (
            {"verb": "start", "version": "0.0.0"},
            f"{__version__} is installed now, 0.0.0 is running: restart it",
        ),
    ]
    for number, (order, refusal) in enumerate(orders):
        supervisor.send({"id": number, **order})
        assert await supervisor.receive() == {"id": number, "error": refusal}
    supervisor.send({"id": 99, "verb": "abort"})
    assert await supervisor.receive() == {"id": 99}
    await supervisor.close()
    await obeying
    await worker.stop(0.0)


def test_a_stuck_worker_ends_with_its_supervisor_too() -> None:
    """When the other end of the channel closes, even an event loop that hangs does not keep the process."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", STUCK], stdin=theirs.fileno(), stdout=subprocess.PIPE
        )
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == b"stuck\n"
        ours.close()
        assert process.wait(30.0) == 1


def test_a_worker_carries_no_validation_no_web_framework_and_no_metrics_library() -> None:
    """What only the supervisor needs is not loaded (memory: it would be there N times)."""
    script = "import sys, quotad.workers.worker\n"
    script += "print([name for name in ('pydantic', 'yaml', 'aiohttp', 'prometheus_client')"
    script += " if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
