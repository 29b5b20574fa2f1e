"""A server that says what it got."""

import contextlib
from collections.abc import AsyncIterator

from aiohttp import web


@contextlib.asynccontextmanager
async def echo() -> AsyncIterator[str]:
    """The URL of the running server."""

    async def answer(request: web.Request) -> web.Response:
        body = await request.read()
        text = f"{request.method} {request.raw_path} {request.headers.get('X-A')} {len(body)}"
        return web.Response(status=418, text=text, headers={"RateLimit": "r", "X-Other": "o"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
