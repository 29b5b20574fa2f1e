"""The cloud's legacy API: ``GET /v2/index.php?Action=DescribeServiceUsagePlan``, signed the old way."""

import json
import logging
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from quotad.controlplane.answers import RefusedError, problem_of
from quotad.controlplane.desk import Asker
from quotad.controlplane.dialects import in_use
from quotad.controlplane.dialects.cloud_v3_call import Backing, is_too_often
from quotad.controlplane.dialects.cloud_v3_errors import BROKEN, STORE_AWAY, TOO_OFTEN, Word, word_of
from quotad.controlplane.dialects.cloud_v3_rows import SERVICE_PLAN, enforcing
from quotad.controlplane.dialects.fields import Codes, DialectError, Field, Shown, read, shape
from quotad.controlplane.dialects.parameters import pairs_of
from quotad.controlplane.dialects.signed import old_signer
from quotad.controlplane.refusal import OperationError, no_service
from quotad.controlplane.roles import may
from quotad.controlplane.visits import visit_of
from quotad.errors import StoreError

PATH = "/v2/index.php"
ACTION = "DescribeServiceUsagePlan"

FIELDS: tuple[Field, ...] = (
    Field("serviceId", canonical="serviceId", required=True),
    Field("offset", "number", least=0, most=2**31 - 1, default=0),
    Field("limit", "number", least=1, most=100, default=20),
    Field(
        "searchEnvironment",
        status="different",
        note="exact, with its case; Release, Pre, Test and also release, prepub, test",
    ),
)
_COMMON = frozenset(
    {
        "Action",
        "Region",
        "Timestamp",
        "Nonce",
        "SecretId",
        "Signature",
        "SignatureMethod",
        "RequestClient",
        "Token",
        "Version",
        "Language",
    }
)
_SPOKEN = {"release": "Release", "prepub": "Pre", "test": "Test"}


def _as_3_0(name: str) -> Shown:
    (row,) = (each for each in SERVICE_PLAN if each.name == name)
    return Shown(name[0].lower() + name[1:], row.of)


ROW: tuple[Shown, ...] = (
    _as_3_0("UsagePlanId"),
    _as_3_0("UsagePlanName"),
    _as_3_0("UsagePlanDesc"),
    Shown("environment", lambda row: _SPOKEN[row.reach.environment]),
    _as_3_0("MaxRequestNumPreSec"),
    _as_3_0("CreatedTime"),
    _as_3_0("ModifiedTime"),
    _as_3_0("InUseRequestNum"),
    _as_3_0("MaxRequestNum"),
)
ANSWER: tuple[Shown, ...] = (
    Shown("code", lambda _: 0, "different", "a number, as the field table says; the sample has a text"),
    Shown("message", lambda _: ""),
    Shown("codeDesc", lambda _: "Success"),
    Shown("totalCount", lambda found: found[0], note="after the filter, before the page"),
    Shown("usagePlanList", lambda found: [shape(ROW, each) for each in found[1]]),
)

_NUMBERS: tuple[tuple[str, int], ...] = (
    ("AuthFailure.SecretIdNotFound", 4104),
    ("AuthFailure", 4100),
    ("UnauthorizedOperation", 4101),
    ("RequestLimitExceeded", 4400),
    ("ResourceNotFound", 5000),
    ("UnsupportedOperation", 5100),
    ("InternalError", 6000),
)
"""The legacy family's numbers by how a code begins; what is not among them is 4000, a wrong parameter."""

logger = logging.getLogger("quotad.admin")


class LegacyV2:
    """The dialect's door."""

    def __init__(self, backing: Backing) -> None:
        self._backing = backing

    def add_to(self, app: web.Application) -> None:
        """Serve it there."""
        app.router.add_get(PATH, self._answer, allow_head=False)

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            return _response(await self._found(request))
        except DialectError as error:
            if error.code.startswith("AuthFailure."):
                self._backing.failed(request.remote or "")
            return _refused(Word(error.code, error.message))
        except OperationError as error:
            return _refused(word_of(ACTION, error))
        except (StoreError, TimeoutError):
            return _refused(STORE_AWAY)
        except Exception:
            logger.exception("a request of the legacy API failed")
            return _refused(BROKEN)

    async def _found(self, request: web.Request) -> dict[str, Any]:
        pairs = pairs_of(request.raw_path.partition("?")[2])
        now_us = await self._backing.operations.now_us()
        place = f"GET{request.headers.get('Host', '')}{PATH}"
        signer = await old_signer(self._backing.keys, place, pairs, now_us)
        visit = visit_of(request)
        visit.asker = Asker(signer.key_id, signer.role, "signature", request.remote or "", visit.request_id)
        visit.action = dict(pairs).get("Action", "")
        if not may(signer.role, "Describe"):
            raise DialectError("UnauthorizedOperation", "This needs the role read.")
        given = dict(pairs)
        if not given.get("Action"):
            raise DialectError("MissingParameter", "The request is missing the parameter `Action`.")
        if given["Action"] != ACTION:
            raise DialectError("InvalidAction", f"The only action here is {ACTION}.")
        if await is_too_often(self._backing.control, signer.key_id, ACTION):
            raise DialectError(*TOO_OFTEN)
        own = {name: value for name, value in given.items() if name not in _COMMON}
        return await self._page(read(FIELDS, own, Codes(), as_text=True))

    async def _page(self, values: Mapping[str, Any]) -> dict[str, Any]:
        replica = await self._backing.operations.records()
        if replica.service(values["serviceId"]) is None:
            raise no_service(values["serviceId"])
        reaches = enforcing(replica, service_id=values["serviceId"])
        wanted = values.get("searchEnvironment", "")
        if wanted:
            reaches = [each for each in reaches if wanted in (each.environment, _SPOKEN[each.environment])]
        page = reaches[values["offset"] : values["offset"] + values["limit"]]
        return shape(ANSWER, (len(reaches), await in_use.rows(replica, self._backing.store, page)))


def refused(error: Exception, request_id: str) -> web.Response:
    """What went wrong before it was asked: too many failed logins, else what no client of it sends."""
    if isinstance(error, RefusedError) and error.status == 429:
        return _refused(Word(TOO_OFTEN.code, str(error)))
    return problem_of(error, request_id)


def _refused(word: Word) -> web.Response:
    number = next((number for start, number in _NUMBERS if re.match(rf"{start}(\.|$)", word.code)), 4000)
    return _response({"code": number, "message": word.message, "codeDesc": word.code})


def _response(members: Mapping[str, Any]) -> web.Response:
    body = json.dumps(members, ensure_ascii=False).encode("utf-8", "replace")
    return web.Response(body=body, headers={"Content-Type": "application/json", "Cache-Control": "no-store"})
