"""How the admin port answers: JSON, and every error as ``application/problem+json`` (RFC 9457)."""

import http
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from quotad.controlplane.refusal import OperationError, Reason
from quotad.errors import StoreError

CODES: dict[int, str] = {
    400: "invalid_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    409: "conflict",
    412: "stale",
    413: "body_too_large",
    415: "unsupported_media_type",
    417: "expectation_failed",
    421: "misdirected",
    422: "idempotency_key_reused",
    429: "too_many_requests",
    500: "internal_error",
    503: "store_unavailable",
}
"""``code`` of an error that has no Reason."""

STATUS: dict[Reason, int] = {
    Reason.INVALID: 400,
    Reason.MISSING: 400,
    Reason.UNKNOWN_FIELD: 400,
    Reason.NO_SERVICE: 404,
    Reason.NO_PLAN: 404,
    Reason.NO_SECRET: 404,
    Reason.NO_CREDENTIAL: 404,
    Reason.NO_BINDING: 409,
    Reason.SECRET_EXISTS: 409,
    Reason.NAME_EXISTS: 409,
    Reason.ID_EXISTS: 409,
    Reason.ALREADY_BOUND: 409,
    Reason.SECRET_CONFLICT: 409,
    Reason.ENVIRONMENT_CONFLICT: 409,
    Reason.LEVEL_CONFLICT: 409,
    Reason.NO_API: 404,
    Reason.API_EXISTS: 409,
    Reason.API_IN_USE: 409,
    Reason.NOT_PUBLISHED: 409,
    Reason.PLAN_IN_USE: 409,
    Reason.SECRET_ENABLED: 409,
    Reason.SECRET_IN_USE: 409,
    Reason.SERVICE_IN_USE: 409,
    Reason.NO_WEBHOOK: 404,
    Reason.NO_DELIVERY: 404,
    Reason.WEBHOOK_DISABLED: 409,
    Reason.LIMIT: 409,
    Reason.FORBIDDEN: 403,
    Reason.READ_ONLY: 409,
    Reason.STALE: 412,
    Reason.KEY_REUSED: 422,
    Reason.TOO_OFTEN: 429,
    Reason.BUSY: 503,
}
"""Status of each Reason. ``READ_ONLY`` is 409: no other credential would help, another mode would."""

_AGAIN = {429: {"Retry-After": "1"}, 503: {"Retry-After": "1"}}


class RefusedError(Exception):
    """What was asked for is not done; the text says why, and may be shown.

    ``code``: empty for that of the status. ``headers`` go with the answer.
    """

    def __init__(
        self, status: int, detail: str, code: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.headers = headers or {}


def problem_of(error: Exception, request_id: str) -> web.Response:
    """What an error that came out of a handler is answered with."""
    members, headers = _problem(error, request_id)
    response = as_json(members["status"], members, "application/problem+json")
    response.headers.update(headers)
    return response


def problem_members(error: Exception, request_id: str) -> dict[str, Any]:
    """The same where the answer has begun already."""
    return _problem(error, request_id)[0]


def _problem(error: Exception, request_id: str) -> tuple[dict[str, Any], Mapping[str, str]]:
    status, detail, headers, code, field = _described(error)
    members = {
        "type": "about:blank",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "code": code or CODES.get(status, "error"),
        "detail": detail,
        "message": detail,
        **({"field": field} if field else {}),
        "requestId": request_id,
    }
    return members, headers


def _described(error: Exception) -> tuple[int, str, Mapping[str, str], str, str]:
    """Status, detail, headers, code and field."""
    match error:
        case web.HTTPException():
            allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
            return error.status, error.reason, allow, "", ""
        case RefusedError():
            headers = {**_AGAIN.get(error.status, {}), **error.headers}
            return error.status, str(error), headers, error.code, ""
        case OperationError():
            status = STATUS[error.reason]
            detail = f"{error.detail[:1].upper()}{error.detail[1:]}."
            return status, detail, _AGAIN.get(status, {}), error.reason.value, error.field
        case StoreError(kind="noperm"):
            detail = "The store's user may not do that: docs/operations.md names the rights of an admin's."
            return 403, detail, {}, "store_user_forbidden", ""
        case StoreError() | TimeoutError():
            return 503, "The quota store did not answer.", _AGAIN[503], "", ""
        case _:
            return 500, "An error inside quotad ended this request.", {}, "", ""


def is_foreseen(error: Exception) -> bool:
    """Whether an error says all that is to be said about it; any other belongs into the log."""
    return isinstance(error, web.HTTPException | RefusedError | OperationError | StoreError | TimeoutError)


def as_json(status: int, members: object, content_type: str = "application/json") -> web.Response:
    """An answer."""
    body = json.dumps(members, separators=(",", ":")).encode()
    return web.Response(status=status, body=body, content_type=content_type)
