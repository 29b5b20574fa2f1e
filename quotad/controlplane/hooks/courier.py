"""Delivers what is due, a few events at a time to each webhook: a slow receiver holds up only itself."""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from quotad.controlplane.hooks.directory import Directory
from quotad.controlplane.hooks.sender import Answered
from quotad.controlplane.refusal import OperationError
from quotad.core.deliveries import Attempt, Delivery, is_gone
from quotad.core.plans import Webhook
from quotad.errors import StoreError
from quotad.store.deliveries import Waiting

AT_ONCE = 4
"""Events on their way to one webhook at one time."""

log = logging.getLogger("quotad.admin")


class Board(Protocol):
    """The verbs of ``store.deliveries.Deliveries`` that are needed here. All raise StoreError."""

    async def waiting(self, webhook_ids: Sequence[str]) -> list[Waiting]:
        """What is on its way to each."""

    async def due(self, webhook_id: str, now_us: int, count: int) -> list[Delivery]:
        """Events that are to be tried now."""

    async def attempted(self, leader: str, webhook_id: str, before: Delivery, after: Delivery) -> bool:
        """Write down what became of one."""

    async def event(self, webhook_id: str, event_id: str) -> Delivery | None:
        """One of a webhook's events."""


class Posts(Protocol):
    """Who posts."""

    async def post(self, webhook: Webhook, event: Delivery) -> Answered:
        """One attempt."""


class Courier:
    """For one leader at a time. ``attempts`` and ``given_up`` are for metrics."""

    def __init__(
        self,
        board: Board,
        directory: Directory,
        sender: Posts,
        now_us: Callable[[], int],
        fraction: Callable[[], float] = random.random,
    ) -> None:
        self.attempts: Counter[str] = Counter(delivered=0, refused=0, unanswered=0)
        self.given_up = 0
        self._board = board
        self._directory = directory
        self._sender = sender
        self._now_us = now_us
        self._fraction = fraction
        self._busy: dict[str, dict[str, asyncio.Task[None]]] = {}

    async def turn(self, leader: str, webhooks: Sequence[Webhook]) -> list[Waiting]:
        """Begin all that is due and has a place; answers what is on its way to each. Raises StoreError."""
        waiting = await self._board.waiting([each.webhook_id for each in webhooks])
        for webhook, on_way in zip(webhooks, waiting, strict=True):
            busy = self._busy.setdefault(webhook.webhook_id, {})
            if not webhook.enabled or not on_way.pending or len(busy) >= AT_ONCE:
                continue
            # Those under way are still due, so they may be among the first.
            due = await self._board.due(webhook.webhook_id, self._now_us(), AT_ONCE + len(busy))
            for event in [each for each in due if each.event_id not in busy][: AT_ONCE - len(busy)]:
                task = asyncio.get_running_loop().create_task(self._deliver(leader, webhook, event))
                busy[event.event_id] = task
                task.add_done_callback(_remover(busy, event.event_id))
        return waiting

    async def stop(self) -> None:
        """Break off what is under way: it stays due, and whoever leads next tries it."""
        tasks = [task for busy in self._busy.values() for task in busy.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def settled(self) -> None:
        """Return when nothing is under way."""
        while tasks := [task for busy in self._busy.values() for task in busy.values()]:
            await asyncio.wait(tasks)

    async def _deliver(self, leader: str, webhook: Webhook, event: Delivery) -> None:
        answered = await self._sender.post(webhook, event)
        attempt = answered.attempt
        self.attempts[_result(attempt)] += 1
        try:
            after = await self._write(leader, webhook, event, answered)
            if after is not None and after.state == "failed":
                self.given_up += 1
                log.error(
                    "webhook %s: event %s is given up after %d attempts: %s",
                    *(webhook.webhook_id, event.event_id, after.attempt_count),
                    attempt.error or f"status {attempt.status}",
                )
            if is_gone(attempt):
                log.error("webhook %s: its receiver is gone (410)", webhook.webhook_id)
                await self._directory.retire(webhook.webhook_id)
        except (StoreError, OperationError) as error:
            # It is still due: it is sent again.
            log.warning("webhook %s: what became of an event is not written: %s", webhook.webhook_id, error)

    async def _write(
        self, leader: str, webhook: Webhook, event: Delivery, answered: Answered
    ) -> Delivery | None:
        """What the event is now; None: it is another leader's."""
        after = event.tried(answered.attempt, answered.retry_after_us, self._fraction())
        if await self._board.attempted(leader, webhook.webhook_id, event, after):
            return after
        # Somebody asked for it once more meanwhile: this was an attempt all the same.
        newest = await self._board.event(webhook.webhook_id, event.event_id)
        if newest is None or newest == event:
            return None
        after = newest.tried(answered.attempt, answered.retry_after_us, self._fraction())
        return after if await self._board.attempted(leader, webhook.webhook_id, newest, after) else None


def _remover(busy: dict[str, asyncio.Task[None]], event_id: str) -> Callable[[object], None]:
    def remove(_: object) -> None:
        busy.pop(event_id, None)

    return remove


def _result(attempt: Attempt) -> str:
    if not attempt.status:
        return "unanswered"
    return "delivered" if 200 <= attempt.status < 300 else "refused"
