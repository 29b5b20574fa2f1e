"""Connections to backends: opened when needed, kept for the next request, bounded in number."""

import asyncio
import logging
from math import inf
from ssl import SSLContext

from quotad.config.model import UpstreamAddress
from quotad.core.pool import Pool, Todo
from quotad.dataplane.flow import Timed, Wheel
from quotad.dataplane.tls import Tls
from quotad.dataplane.upstream import Connection, Responses, User

COMPLAIN_EVERY_S = 60.0
"""How often the log tells why a backend cannot be reached over TLS."""

log = logging.getLogger("quotad.dataplane")


class Trust:
    """How backends are spoken to over TLS: what is verified, and what we show."""

    __slots__ = ("context", "digest", "server_name")

    def __init__(self, context: SSLContext, server_name: str, digest: str) -> None:
        self.context = context
        self.server_name = server_name
        """Asked for and verified; empty: the backend's host."""
        self.digest = digest
        """Equal where all of this is equal."""


class Spec:
    """Where a backend is and how it is used. Equal keys share one Backend."""

    __slots__ = ("address", "connect_timeout_s", "connections", "idle_s", "key", "trust")

    def __init__(
        self,
        address: UpstreamAddress,
        connections: int,
        idle_s: float,
        connect_timeout_s: float,
        trust: Trust | None = None,
    ) -> None:
        self.address = address
        self.connections = connections
        self.idle_s = idle_s
        self.connect_timeout_s = connect_timeout_s
        self.trust = trust
        """None: plain HTTP."""
        self.key = f"{address}|{connections}|{idle_s}|{connect_timeout_s}"
        if trust is not None:
            self.key += f"|{trust.server_name}|{trust.digest}"


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
    """One backend address, and the connections to it."""

    def __init__(self, spec: Spec, wheel: Wheel, responses: Responses) -> None:
        self._spec = spec
        self.wheel = wheel
        self.responses = responses
        self._pool: Pool[Connection, Ticket] = Pool(spec.connections)
        self._opening: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self.name = str(spec.address)
        self._quiet_until_s = 0.0

    def acquire(self, user: User) -> Connection | None:
        """An idle connection, if there is one."""
        while (connection := self._pool.take()) is not None:
            if not connection.closed:
                connection.user = user
                connection.deadline_s = inf
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
        self.wheel.arm(ticket, self.wheel.clock() + self._spec.connect_timeout_s)
        return ticket

    def keep(self, connection: Connection, now_s: float) -> None:
        """A connection may serve another request."""
        ticket = self._pool.returned(connection)
        if ticket is None:
            connection.answer_by(now_s + self._spec.idle_s)
        else:
            self._loop.call_soon(self._hand_over, connection, ticket)

    def left(self, connection: Connection | None) -> None:
        """A connection is gone, or never came to be; whoever is next in line opens another."""
        ticket = self._pool.left(connection)
        if ticket is not None:
            self._open(ticket)

    def close(self) -> None:
        """Close idle connections and stop opening others."""
        for task in self._opening:
            task.cancel()
        for connection in self._pool.idle():
            connection.drop()

    def _place(self, ticket: Ticket) -> bool:
        todo = self._pool.enter(ticket)
        if todo is Todo.OPEN:
            self._open(ticket)
        return todo is not Todo.REFUSE

    def _open(self, ticket: Ticket) -> None:
        ticket.opening = True
        task = self._loop.create_task(self._connect(ticket))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _connect(self, ticket: Ticket) -> None:
        key = "upstream_unreachable"
        connection = None
        try:
            async with asyncio.timeout(self._spec.connect_timeout_s):
                connection = await self._dial()
        except TimeoutError:
            key = "upstream_connect_timeout"
        except OSError as error:
            self._complain(error)
        finally:
            if connection is None:
                self.left(None)
                ticket.fail(key)
        if connection is not None:
            self._hand_over(connection, ticket)

    def _complain(self, error: OSError) -> None:
        """A certificate that is refused looks like a backend that is down: the log tells them apart."""
        now_s = self.wheel.clock()
        if self._spec.trust is not None and now_s >= self._quiet_until_s:
            self._quiet_until_s = now_s + COMPLAIN_EVERY_S
            log.warning("backend %s: %s", self.name, error)

    async def _dial(self) -> Connection:
        """Raises OSError."""
        address, trust = self._spec.address, self._spec.trust
        if address.path:
            _, plain = await self._loop.create_unix_connection(lambda: Connection(self), address.path)
            return plain
        if trust is not None:
            return await self._dial_tls(trust)
        _, plain = await self._loop.create_connection(lambda: Connection(self), address.host, address.port)
        return plain

    async def _dial_tls(self, trust: Trust) -> Connection:
        address = self._spec.address
        ready: asyncio.Future[Connection] = self._loop.create_future()

        def greet() -> Connection:
            connection = Connection(self)
            if ready.done():
                connection.disown()
            else:
                ready.set_result(connection)
            return connection

        def failed(error: Exception | None) -> None:
            if not ready.done():
                ready.set_exception(ConnectionError(str(error or "closed in the TLS handshake")))

        _, tls = await self._loop.create_connection(
            lambda: Tls(trust.context, trust.server_name or address.host, greet, failed),
            address.host,
            address.port,
        )
        try:
            return await ready
        except asyncio.CancelledError:
            if ready.done() and not ready.cancelled() and ready.exception() is None:
                ready.result().disown()
            tls.abort()
            raise

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


class Upstreams:
    """Every Backend of this process; they outlive a reload of the configuration."""

    def __init__(self, wheel: Wheel, responses: Responses) -> None:
        self._wheel = wheel
        self._responses = responses
        self._backends: dict[str, Backend] = {}

    def backend(self, spec: Spec) -> Backend:
        """The Backend of a Spec."""
        backend = self._backends.get(spec.key)
        if backend is None:
            backend = self._backends[spec.key] = Backend(spec, self._wheel, self._responses)
        return backend

    def close(self) -> None:
        """Close what is idle everywhere."""
        for backend in self._backends.values():
            backend.close()
