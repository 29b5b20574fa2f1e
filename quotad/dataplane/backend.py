"""Connections to one backend: opened when needed, kept for the next request, bounded in number."""

import asyncio
import logging
from math import inf

from quotad.core.health import Health
from quotad.core.pool import Pool, Todo
from quotad.dataplane.dial import dial
from quotad.dataplane.flow import NEVER_S, Timed, Wheel
from quotad.dataplane.spec import Spec
from quotad.dataplane.upstream import Connection, Responses, User

COMPLAIN_EVERY_S = 60.0
"""How often the log tells why a backend cannot be reached over TLS."""

log = logging.getLogger("quotad.dataplane")


class Ticket(Timed):
    """A request's place in line for a connection."""

    __slots__ = ("_line", "opening", "user")

    def __init__(self, user: User, line: "Pool[Connection, Ticket]") -> None:
        super().__init__()
        self._line = line
        self.user: User | None = user
        """None once it was served or has left."""
        self.opening = False

    def on_deadline(self, now_s: float) -> None:
        """No connection in time."""
        self._line.cancel(self)
        self.fail("upstream_connect_timeout" if self.opening else "upstream_busy")

    def leave(self) -> None:
        """The request left the line; a connection being opened for it will serve another."""
        self.user = None
        self.deadline_s = inf
        self._line.cancel(self)

    def fail(self, key: str) -> None:
        """Tell the user, if it still waits, that there is no connection."""
        user, self.user = self.user, None
        self.deadline_s = inf
        if user is not None:
            user.on_failure(key)


class Backend:
    """One backend: the connections to it, who waits for one, and whether it is well."""

    def __init__(self, spec: Spec, wheel: Wheel, responses: Responses) -> None:
        self.spec = spec
        self.wheel = wheel
        self.responses = responses
        self.health = Health(spec.health)
        self.users = 0
        """How many fleets have it."""
        self._pool: Pool[Connection, Ticket] = Pool(spec.connections, spec.queue)
        self._opening: set[asyncio.Task[Connection | str]] = set()
        self._loop = asyncio.get_running_loop()
        self.name = str(spec.address)
        self._quiet_until_s = 0.0
        self._retired = False

    def acquire(self, user: User) -> Connection | None:
        """An idle connection, if there is one."""
        while (connection := self._pool.take()) is not None:
            if not connection.closed:
                connection.user = user
                connection.deadline_s = NEVER_S
                return connection
            connection.drop()
        return None

    def enter(self, user: User) -> Ticket | None:
        """A place in line for a connection, best a new one; None when the line is full."""
        ticket = Ticket(user, self._pool)
        if self._pool.is_full:
            for connection in self._pool.idle()[:1]:
                connection.drop()
        if not self._place(ticket):
            return None
        if not ticket.opening:
            self.wheel.arm(ticket, self.wheel.clock() + self.spec.queue_timeout_s)
        return ticket

    def keep(self, connection: Connection, now_s: float) -> None:
        """A connection may serve another request."""
        ticket = self._pool.returned(connection)
        if ticket is not None:
            self._loop.call_soon(self._hand_over, connection, ticket)
        elif self._retired:
            connection.drop()
        else:
            connection.answer_by(now_s + self.spec.idle_s)

    def left(self, connection: Connection | None) -> None:
        """A connection is gone, or never came to be; whoever is next in line opens another."""
        ticket = self._pool.left(connection)
        if ticket is not None:
            self._open(ticket)

    def failed(self, answered: bool) -> None:
        """A request failed on it: with an answer that says so, or without one."""
        if self.health.failed(self.wheel.clock(), answered):
            log.warning("upstream %s failed repeatedly and is ejected", self.name)

    def close(self) -> None:
        """Close idle connections and stop opening others."""
        for task in self._opening:
            task.cancel()
        for connection in self._pool.idle():
            connection.drop()

    def retire(self) -> None:
        """No route names it any more: requests that have it end, and no connection is kept."""
        self._retired = True
        for connection in self._pool.idle():
            connection.drop()

    @property
    def load(self) -> int:
        """Requests that it has, or that wait for it (``balance.Member``)."""
        return self._pool.busy

    @property
    def connections(self) -> int:
        """Open, or being opened."""
        return self._pool.total

    @property
    def waiting(self) -> int:
        """Requests in line for a connection."""
        return self._pool.waiting

    def _place(self, ticket: Ticket) -> bool:
        todo = self._pool.enter(ticket)
        if todo is Todo.OPEN:
            self._open(ticket)
        return todo is not Todo.REFUSE

    def _open(self, ticket: Ticket) -> None:
        ticket.opening = True
        self.wheel.arm(ticket, self.wheel.clock() + self.spec.connect_timeout_s)
        task = self._loop.create_task(self._connect())
        self._opening.add(task)
        # Not in the task itself: one that is cancelled before its first step never gets there.
        task.add_done_callback(lambda task: self._opened(task, ticket))

    async def _connect(self) -> Connection | str:
        try:
            async with asyncio.timeout(self.spec.connect_timeout_s):
                return await dial(self.spec, self)
        except TimeoutError:
            return "upstream_connect_timeout"
        except (OSError, ValueError) as error:
            # ValueError: a name that cannot be encoded.
            self._complain(error)
            return "upstream_unreachable"

    def _opened(self, task: "asyncio.Task[Connection | str]", ticket: Ticket) -> None:
        self._opening.discard(task)
        if task.cancelled():
            self._lacks(ticket, "upstream_unreachable")
            return
        got = task.result()
        if isinstance(got, Connection) and got.adopt():
            self._hand_over(got, ticket)
        else:
            self.failed(answered=False)
            self._lacks(ticket, "upstream_unreachable" if isinstance(got, Connection) else got)

    def _lacks(self, ticket: Ticket, key: str) -> None:
        self.left(None)
        ticket.fail(key)

    def _complain(self, error: Exception) -> None:
        """A certificate that is refused looks like a backend that is down: the log tells them apart."""
        now_s = self.wheel.clock()
        if self.spec.trust is not None and now_s >= self._quiet_until_s:
            self._quiet_until_s = now_s + COMPLAIN_EVERY_S
            log.warning("backend %s: %s", self.name, error)

    def _hand_over(self, connection: Connection, ticket: Ticket) -> None:
        user = ticket.user
        if user is None:
            connection.release(self.wheel.clock())
        elif connection.closed:
            if not self._place(ticket):
                ticket.fail("upstream_busy")
        else:
            ticket.user = None
            ticket.deadline_s = inf
            connection.user = user
            connection.deadline_s = inf
            user.on_connection(connection)
