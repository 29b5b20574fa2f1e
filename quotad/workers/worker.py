"""A worker process: an ``App`` that its supervisor starts, reloads, asks for numbers and ends.

Every order is a message with an ``id`` and a ``verb``; its answer has that ``id``, and an ``error`` when
it was refused. One order is done after the other. At its end a worker sends its last numbers unasked.
"""

import asyncio
import logging
import os
import select
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import uvloop

from quotad import __version__, lifetime
from quotad.app import App
from quotad.config.model import Config
from quotad.config.parcel import unpack
from quotad.dataplane.snapshot import Snapshot
from quotad.errors import QuotadError
from quotad.telemetry.report import Reporter
from quotad.workers.channel import Channel

ORPHAN_GRACE_S = 0.5
"""When the supervisor is gone: how long requests in flight may go on. Its successor needs the port."""
ORPHAN_END_S = 2.0
"""When the supervisor is gone: after this time the process ends, whatever it does."""

Order = dict[str, Any]
Slots = Sequence[Sequence[socket.socket]]

log = logging.getLogger("quotad.worker")


class Worker:
    """Does what comes over the channel."""

    def __init__(self, channel: Channel, log_lock: int, slots: Slots = ()) -> None:
        """``slots``: the sockets that any worker may be told to accept from, by the number of its place."""
        self._channel = channel
        self._log_lock = log_lock
        self._slots = slots
        self._app: App | None = None
        self.started = False
        """Whether every part runs but perhaps the callers' port."""
        self.retired = asyncio.Event()
        """Another worker has its place."""
        self._reporter = Reporter()
        self._next: tuple[Config, Snapshot] | None = None
        self._verbs: dict[str, Callable[[Order], Awaitable[Order]]] = {
            "start": self._start,
            "prepare": self._prepare,
            "commit": self._commit,
            "abort": self._abort,
            "listen": self._listen,
            "report": self._report,
            "find": self._find,
            "retire": self._retire,
        }

    async def obey(self) -> None:
        """Do orders until the supervisor is gone."""
        while (order := await self._channel.receive()) is not None:
            try:
                answer = await self._verbs[order["verb"]](order)
            except (QuotadError, ValueError) as error:
                answer = {"error": str(error)}
            self._channel.send({**answer, "id": order["id"]})

    async def stop(self, grace_s: float | None) -> None:
        """Drain, and send the last numbers; ``grace_s`` as ``App.stop`` has it."""
        if self._app is not None:
            draining = self._app.stop(grace_s, handed_over=self.retired.is_set())
            # From here on only what the listener has of them keeps them open.
            self._let_go()
            await draining
        self._let_go()
        if self._app is not None and self.started:
            for message in self._reporter.report(self._app.sources):
                self._channel.send(message)
        await self._channel.close()

    def _let_go(self) -> None:
        for slot in self._slots:
            for each in slot:
                each.close()
        self._slots = ()

    @property
    def _running(self) -> App:
        if self._app is None:
            raise QuotadError("not started")
        return self._app

    async def _start(self, order: Order) -> Order:
        if order["version"] not in ("", __version__):
            raise QuotadError(f"{__version__} is installed now, {order['version']} is running: restart it")
        lifetime.log_to_stderr(f"[{order['number']}]")
        self._app = App(unpack(order["parcel"]), log_lock=self._log_lock)
        await self._app.start()
        self.started = True
        lifetime.calm_collector()
        return {"loaded": self._app.loaded}

    async def _listen(self, order: Order) -> Order:
        """Accept from the sockets of these places, and of no others."""
        await self._running.serve_on([each for number in order["slots"] for each in self._slots[number]])
        return {}

    async def _retire(self, _order: Order) -> Order:
        self.retired.set()
        return {}

    async def _prepare(self, order: Order) -> Order:
        config = unpack(order["parcel"])
        self._next = (config, self._running.snapshot(config))
        return {}

    async def _commit(self, _order: Order) -> Order:
        if self._next is None:
            raise QuotadError("nothing was prepared")
        self._running.take(*self._next)
        self._next = None
        self._reporter.forget()
        return {}

    async def _abort(self, _order: Order) -> Order:
        self._next = None
        return {}

    async def _report(self, _order: Order) -> Order:
        answer: Order = {}
        self._channel.send({"loaded": self._running.loaded})
        for message in self._reporter.report(self._running.sources):
            if answer:
                self._channel.send(answer)
                await asyncio.sleep(0)  # between long messages callers are served
            answer = message
        return answer

    async def _find(self, order: Order) -> Order:
        return {"found": self._running.refusals.find(order["request_id"])}


def run(channel: int, log_lock: int, slots: str) -> int:
    """Be a worker: all are descriptors that the supervisor handed down (``slots``: ``3,4;5,6``)."""
    lifetime.lift_descriptor_limit()
    # A terminal's hang-up is the supervisor's to hear.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    threading.Thread(target=_end_with_supervisor, args=(channel,), daemon=True).start()
    places = [
        [socket.socket(fileno=int(number)) for number in slot.split(",")] for slot in slots.split(";") if slot
    ]
    return uvloop.run(_serve(socket.socket(fileno=channel), log_lock, places))


async def _serve(end: socket.socket, log_lock: int, slots: Slots) -> int:
    ended = asyncio.Event()
    lifetime.end_by_signal(ended)
    worker = Worker(await Channel.over(end), log_lock, slots)
    loop = asyncio.get_running_loop()
    obeying = loop.create_task(worker.obey())
    ending, retiring = loop.create_task(ended.wait()), loop.create_task(worker.retired.wait())
    await asyncio.wait((obeying, ending, retiring), return_when=asyncio.FIRST_COMPLETED)
    orphaned = obeying.done()
    if not worker.started:
        obeying.cancel()
        await asyncio.wait((obeying,))
    # Else it goes on answering while it drains, so that its numbers stay true.
    await worker.stop(ORPHAN_GRACE_S if orphaned else None)
    lifetime.ignore_endings()
    for task in (obeying, ending, retiring):
        task.cancel()
    await asyncio.wait((obeying, ending, retiring))
    if orphaned:
        obeying.result()
    return 0


def _end_with_supervisor(channel: int) -> None:
    """Where the event loop is stuck, this thread still sees that the other end has closed."""
    hung_up = select.poll()
    hung_up.register(channel, 0)
    hung_up.poll()
    threading.Event().wait(ORPHAN_END_S)
    os._exit(1)
