"""The service behind quotad in the demo: says what it got, and fails on ``/fail``."""

import json

from aiohttp import web


class Backend:
    """Listens on a free loopback port."""

    def __init__(self) -> None:
        self._runner: web.AppRunner | None = None
        self.served = 0
        """Requests that reached it."""

    async def start(self) -> str:
        """Listen; returns the URL."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, handle_signals=False, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        """Stop."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.served += 1
        body = await request.read()
        members = {
            "served": self.served,
            "method": request.method,
            "path": request.path_qs,
            "bodyBytes": len(body),
            "secretId": request.headers.get("X-Quotad-Secret-Id"),
            "usagePlanId": request.headers.get("X-Quotad-Plan-Id"),
        }
        status = 500 if request.path == "/fail" else 200
        return web.Response(status=status, text=json.dumps(members) + "\n", content_type="application/json")
