"""How the admin port answers: JSON, and every error as ``application/problem+json`` (RFC 9457)."""

import http
import json
import secrets

from aiohttp import web


class RefusedError(Exception):
    """What was asked for is not done; the text says why, and may be shown."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> web.Response:
    """An error with a request id of its own."""
    request_id = secrets.token_hex(12)
    members = {
        "type": "about:blank",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "message": detail,
        "requestId": request_id,
    }
    response = as_json(status, members, "application/problem+json")
    response.headers["X-Request-Id"] = request_id
    response.headers.update(headers or {})
    return response


def as_json(status: int, members: object, content_type: str = "application/json") -> web.Response:
    """An answer."""
    body = json.dumps(members, separators=(",", ":")).encode()
    return web.Response(status=status, body=body, content_type=content_type)
