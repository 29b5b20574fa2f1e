"""Serves the console's files to whoever asks: nothing secret is in them. What may be done says ``/v1``."""

from aiohttp import web

from quotad.controlplane.answers import problem_of
from quotad.controlplane.console.files import PAGE, File, files

CONSOLE = "/console/"

_RULES = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    # Nothing makes markup of text but lit-html, and that only of the page's own templates.
    "require-trusted-types-for": "'script'",
    "trusted-types": "lit-html",
}
POLICY = "; ".join(f"{name} {value}" for name, value in _RULES.items())
"""Content-Security-Policy: nothing inline, nothing of others, in nobody's frame."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Vary": "Accept-Encoding",
}

_ASKED_AGAIN = "no-cache"
_KEPT = "public, max-age=31536000, immutable"


class ConsoleDoor:
    """Has ``/console`` and all below."""

    def has(self, path: str) -> bool:
        """See ``server.Door``."""
        return path == CONSOLE.rstrip("/") or path.startswith(CONSOLE)

    def add_to(self, app: web.Application) -> None:
        """See ``server.Door``."""
        app.router.add_get(CONSOLE.rstrip("/"), _redirect)
        app.router.add_get(CONSOLE + "{name:.*}", _serve)

    async def admit(self, request: web.Request) -> None:
        """See ``server.Door``. Anybody may look."""

    def refused(self, error: Exception, request_id: str) -> web.Response:
        """See ``server.Door``."""
        return problem_of(error, request_id)


async def _redirect(_: web.Request) -> web.Response:
    return web.Response(status=308, headers={"Location": CONSOLE})


async def _serve(request: web.Request) -> web.Response:
    # The undecoded path: an encoded slash or dot is a part of no name.
    name = request.rel_url.raw_path.removeprefix(CONSOLE) or PAGE
    found = files().get(name)
    if found is None:
        raise web.HTTPNotFound
    headers = {**HEADERS, "ETag": found.tag, "Cache-Control": _ASKED_AGAIN if name == PAGE else _KEPT}
    if _has(request.headers.get("If-None-Match", ""), found.tag):
        return web.Response(status=304, headers=headers)
    return _answer(request, found, headers)


def _answer(request: web.Request, found: File, headers: dict[str, str]) -> web.Response:
    body = found.content
    if found.packed and "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        body = found.packed
    return web.Response(body=body, headers=headers, content_type=found.content_type, charset="utf-8")


def _has(given: str, tag: str) -> bool:
    """If-None-Match, by weak comparison (RFC 9110, 13.1.2)."""
    tags = [part.strip().removeprefix("W/") for part in given.split(",")]
    return tag in tags or "*" in tags
