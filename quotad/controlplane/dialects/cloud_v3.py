"""Cloud API 3.0, version 2018-08-08: ``POST /`` and ``GET /?...``.

The status is always 200 and the Content-Type exactly ``application/json``: with anything else the cloud's
own client loses an error's code, or takes an error for an empty success.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from quotad.controlplane.answers import RefusedError, problem_of
from quotad.controlplane.desk import Asker
from quotad.controlplane.dialects.cloud_v3_call import Action, Backing, Call, is_too_often
from quotad.controlplane.dialects.cloud_v3_errors import BROKEN, STORE_AWAY, TOO_OFTEN, Word, word_of
from quotad.controlplane.dialects.cloud_v3_plans import PLAN_ACTIONS
from quotad.controlplane.dialects.cloud_v3_secrets import SECRET_ACTIONS
from quotad.controlplane.dialects.cloud_v3_services import SERVICE_ACTIONS
from quotad.controlplane.dialects.fields import Codes, DialectError, canonical, read
from quotad.controlplane.dialects.parameters import json_object, nested, pairs_of
from quotad.controlplane.dialects.signatures import Signed
from quotad.controlplane.dialects.signed import Signer, old_signer, tc3_signer
from quotad.controlplane.refusal import OperationError
from quotad.controlplane.roles import may
from quotad.controlplane.visits import visit_of
from quotad.errors import StoreError

VERSION = "2018-08-08"
ACTIONS: Mapping[str, Action] = {
    action.name: action for action in (*PLAN_ACTIONS, *SECRET_ACTIONS, *SERVICE_ACTIONS)
}
CODES = Codes()
_FORM = "application/x-www-form-urlencoded"
_COMMON = frozenset(
    {
        "Action",
        "Version",
        "Region",
        "Timestamp",
        "Nonce",
        "SecretId",
        "Signature",
        "SignatureMethod",
        "Language",
        "RequestClient",
        "Token",
    }
)

logger = logging.getLogger("quotad.admin")


@dataclass(frozen=True, slots=True)
class _Request:
    """Who asks for what, in whichever of the forms it came."""

    action: str
    version: str
    region: str
    given: Mapping[str, Any]
    as_text: bool
    """Whether numbers came as digits."""
    signer: Signer


class CloudV3:
    """The dialect's door."""

    def __init__(self, backing: Backing) -> None:
        self._backing = backing

    def add_to(self, app: web.Application) -> None:
        """Serve it there."""
        app.router.add_post("/", self._answer)
        app.router.add_get("/", self._answer, allow_head=False)

    async def _answer(self, request: web.Request) -> web.Response:
        visit = visit_of(request)
        request_id, action = visit.request_id, ""
        try:
            body = await request.read()
            asked = await self._read(request, body)
            action = visit.action = asked.action
            signer = asked.signer
            visit.asker = Asker(signer.key_id, signer.role, "signature", request.remote or "", request_id)
            members = await self._run(asked, visit.asker)
        except web.HTTPRequestEntityTooLarge:
            return _refused(Word("RequestSizeLimitExceeded", "The body is too large."), request_id)
        except DialectError as error:
            if error.code.startswith("AuthFailure."):
                self._backing.failed(request.remote or "")
            return _refused(Word(error.code, error.message), request_id)
        except OperationError as error:
            return _refused(word_of(action, error), request_id)
        except (StoreError, TimeoutError):
            return _refused(STORE_AWAY, request_id)
        except Exception:
            logger.exception("a request of Cloud API 3.0 failed (%s)", request_id)
            return _refused(BROKEN, request_id)
        return _response({**members, "RequestId": request_id}, request_id)

    async def _read(self, request: web.Request, body: bytes) -> _Request:
        headers = {name.lower(): value for name, value in request.headers.items()}
        query = request.raw_path.partition("?")[2]
        now_us = await self._backing.operations.now_us()
        keys = self._backing.keys
        if "authorization" in headers or "x-tc-action" in headers:
            action = _needed("Action", headers.get("x-tc-action"))
            version = _needed("Version", headers.get("x-tc-version"))
            signer = await tc3_signer(keys, Signed(request.method, query, headers, body), now_us)
            given = _tc3_parameters(request.method, headers.get("content-type", ""), query, body)
            region = headers.get("x-tc-region", "")
            return _Request(action, version, region, given, request.method == "GET", signer)
        pairs = _old_parameters(request.method, headers.get("content-type", ""), query, body)
        common = {name: value for name, value in pairs if name in _COMMON}
        action = _needed("Action", common.get("Action"))
        version = _needed("Version", common.get("Version"))
        place = f"{request.method}{headers.get('host', '')}/"
        signer = await old_signer(keys, place, pairs, now_us)
        given = nested([pair for pair in pairs if pair[0] not in _COMMON])
        return _Request(action, version, common.get("Region", ""), given, True, signer)

    async def _run(self, asked: _Request, asker: Asker) -> dict[str, Any]:
        action = ACTIONS.get(asked.action)
        if action is None:
            raise DialectError("InvalidAction", "There is no such action here.")
        if asked.version != VERSION:
            raise DialectError("NoSuchVersion", f"The version is {VERSION}.")
        if await is_too_often(self._backing.control, asker.name, action.name):
            raise DialectError(*TOO_OFTEN)
        _needed("Region", asked.region)
        if action.reads and not may(asker.role, "Describe"):
            raise DialectError("UnauthorizedOperation", "This needs the role read.")
        values = read(action.fields, asked.given, CODES, as_text=asked.as_text)
        call = Call(self._backing, asker, values, canonical(action.fields, values))
        result = await action.run(call)
        return dict(result) if action.flat else {"Result": result}


def _tc3_parameters(method: str, content_type: str, query: str, body: bytes) -> Mapping[str, Any]:
    if method == "GET":
        return nested(pairs_of(query))
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise DialectError("InvalidParameter", "The Content-Type must be application/json.")
    return json_object(body)


def _old_parameters(method: str, content_type: str, query: str, body: bytes) -> list[tuple[str, str]]:
    if method == "GET":
        return pairs_of(query)
    if content_type.partition(";")[0].strip().lower() != _FORM:
        raise DialectError("MissingParameter", "The request is missing the header `X-TC-Action`.")
    return pairs_of(body.decode("utf-8", "surrogateescape"))


def _needed(name: str, value: str | None) -> str:
    if not value:
        raise DialectError("MissingParameter", f"The request is missing the parameter `{name}`.")
    return value


def refused(error: Exception, request_id: str) -> web.Response:
    """What went wrong before any action: too many failed logins, else nothing that its client would send."""
    if isinstance(error, RefusedError) and error.status == 429:
        return _refused(Word(TOO_OFTEN.code, str(error)), request_id)
    return problem_of(error, request_id)


def _refused(word: Word, request_id: str) -> web.Response:
    error = {"Code": word.code, "Message": word.message}
    return _response({"Error": error, "RequestId": request_id}, request_id)


def _response(members: Mapping[str, Any], request_id: str) -> web.Response:
    body = json.dumps({"Response": members}, ensure_ascii=False).encode("utf-8", "replace")
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store", "X-Request-Id": request_id}
    return web.Response(body=body, headers=headers)
