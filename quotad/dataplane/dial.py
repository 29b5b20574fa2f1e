"""Opening a connection to a backend: TCP or a unix socket, plain or over TLS."""

import asyncio

from quotad.dataplane.spec import Spec, Trust
from quotad.dataplane.tls import Tls
from quotad.dataplane.upstream import Connection, Keeper


async def dial(spec: Spec, keeper: Keeper) -> Connection:
    """A connection that is ready, in nobody's pool. Raises OSError.

    A cancel leaves nothing open; the connection, if it was made, ends on its own.
    """
    loop = asyncio.get_running_loop()
    address = spec.address
    if address.path:
        _, plain = await loop.create_unix_connection(lambda: Connection(keeper), address.path)
        return plain
    if spec.trust is not None:
        return await _dial_tls(spec, spec.trust, keeper)
    _, plain = await loop.create_connection(lambda: Connection(keeper), address.host, address.port)
    return plain


async def _dial_tls(spec: Spec, trust: Trust, keeper: Keeper) -> Connection:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[Connection] = loop.create_future()

    def greet() -> Connection:
        connection = Connection(keeper)
        if ready.done():
            connection.closed = True
        else:
            ready.set_result(connection)
        return connection

    def failed(error: Exception | None) -> None:
        if not ready.done():
            ready.set_exception(ConnectionError(str(error or "closed in the TLS handshake")))

    _, tls = await loop.create_connection(
        lambda: Tls(trust.context, spec.server_name, greet, failed), spec.address.host, spec.address.port
    )
    try:
        return await ready
    except asyncio.CancelledError:
        tls.abort()
        raise
