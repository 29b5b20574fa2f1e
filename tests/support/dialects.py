"""The clouds' wire formats on a real port upon a real server, and the cloud's own client for them."""

import asyncio
import contextlib
import hmac
import json
import os
from base64 import b64encode
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from aiohttp import web
from tencentcloud.apigateway.v20180808 import apigateway_client, apigateway_client_async, models
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from quotad.catalog.records import plan_of
from quotad.catalog.vault import Vault
from quotad.clock import wall_s
from quotad.config.model import StoreConfig
from quotad.config.tenant import UNLIMITED, Limits
from quotad.controlplane.dialects.cloud_v3 import CloudV3
from quotad.controlplane.dialects.cloud_v3_call import Backing
from quotad.controlplane.dialects.legacy_v2 import LegacyV2
from quotad.controlplane.dialects.signed import KeyPair
from quotad.controlplane.dialects.usage_plans import UsagePlans
from quotad.controlplane.operations import Operations
from quotad.core.plans import Environment, Subject
from quotad.store.control import ControlStore
from quotad.store.redis_store import RedisStore
from tests.support.batches import call, submit, terms
from tests.support.control import control_store
from tests.support.desk import MASTER

KEY = "secretexample-secretexample"
PAIRS = {f"AKID{role}": KeyPair(KEY.encode(), role, f"the {role}") for role in ("read", "operate", "admin")}
REGION = "ap-guangzhou"


class Pairs:
    """Key pairs of three admins, one of each role: AKIDread, AKIDoperate and AKIDadmin."""

    async def key_pair(self, key_id: str) -> KeyPair | None:
        return PAIRS.get(key_id)


class SignedPort:
    """A running port with all three dialects, whoever serves it."""

    def __init__(self, number: int) -> None:
        self.number = number

    async def ask(self, method: str, target: str, **more: Any) -> httpx.Response:
        """Whatever is sent."""
        async with httpx.AsyncClient(trust_env=False) as client:
            return await client.request(method, f"http://127.0.0.1:{self.number}{target}", **more)

    async def old(self, path: str, who: str, key: str, **own: Any) -> dict[str, Any]:
        """A GET in the old form, signed independently of what is tested."""
        given = {"Timestamp": int(wall_s()), "Nonce": 4711, "SecretId": who, **own}
        text = "&".join(f"{name}={given[name]}" for name in sorted(given))
        made = hmac.new(key.encode(), f"GET127.0.0.1:{self.number}{path}?{text}".encode(), "sha1").digest()
        query = urlencode({**given, "Signature": b64encode(made).decode()})
        answer = await self.ask("GET", f"{path}?{query}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        return dict(answer.json())

    async def legacy(self, who: str = "AKIDread", key: str = KEY, **own: Any) -> dict[str, Any]:
        """DescribeServiceUsagePlan in the old form."""
        return await self.old("/v2/index.php", who, key, **{"Action": "DescribeServiceUsagePlan", **own})

    async def plans(
        self, method: str, path: str, body: Any = None, who: str = "AKIDoperate", **more: Any
    ) -> httpx.Response:
        """A request of the ``/api/v1`` dialect, signed independently of what is tested."""
        stamp = more.pop("stamp", str(int(wall_s() * 1000)))
        text = f"{method} /api/v1{path}\n{stamp}\n{who}"
        made = hmac.new(more.pop("key", KEY).encode(), text.encode(), sha256).digest()
        headers = {
            "x-ncp-apigw-timestamp": stamp,
            "x-ncp-iam-access-key": who,
            "x-ncp-apigw-signature-v2": b64encode(made).decode(),
            **({"content-type": "application/json"} if body is not None else {}),
        }
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        return await self.ask(method, f"/api/v1{path}", headers=headers, content=content)

    def cloud(self, who: str = "AKIDadmin", key: str = KEY, **how: Any) -> "Cloud":
        """The cloud's own client."""
        return Cloud(self.number, who, key, **how)


class DialectPort(SignedPort):
    """One in this process."""

    def __init__(self, desk: Operations, control: ControlStore, store: RedisStore, number: int) -> None:
        super().__init__(number)
        self.desk = desk
        self.control = control
        self.store = store

    async def spend(
        self, plan_id: str, service_id: str, environment: Environment, times: int, secret_id: str = ""
    ) -> None:
        """Have so many requests counted."""
        plan = plan_of(await self.desk.plan(plan_id)).plan
        await self.spend_of(Subject(plan, service_id, environment, secret_id), times)

    async def spend_of(self, subject: Subject, times: int) -> None:
        """The same, of any Subject."""
        await submit(self.store, [call(subject, terms(), cost=times)]).answers()


class Cloud:
    """``tencentcloud-sdk-python-apigateway``, in one of its ways to send and sign."""

    def __init__(
        self,
        port: int,
        who: str,
        key: str,
        *,
        method: str = "POST",
        signing: str | None = None,
        asynchronous: bool = False,
    ) -> None:
        profile = ClientProfile(
            signMethod=signing,
            httpProfile=HttpProfile(protocol="http", endpoint=f"127.0.0.1:{port}", reqMethod=method),
            language="en-US",
        )
        self._asynchronous = asynchronous
        kind = apigateway_client_async if asynchronous else apigateway_client
        self._client = kind.ApigatewayClient(Credential(who, key), REGION, profile)

    async def do(self, action: str, **given: Any) -> Any:
        """The answer's members without RequestId. Raises TencentCloudSDKException."""
        request = getattr(models, f"{action}Request")()
        request.from_json_string(json.dumps(given))
        ask = getattr(self._client, action)
        answer = await (ask(request) if self._asynchronous else asyncio.to_thread(ask, request))
        members = json.loads(answer.to_json_string())
        assert members.pop("RequestId")
        return members

    async def result(self, action: str, **given: Any) -> Any:
        """Its ``Result``."""
        return (await self.do(action, **given))["Result"]

    async def code(self, action: str, **given: Any) -> str:
        """The code with which it is refused."""
        with pytest.raises(TencentCloudSDKException) as caught:
            await self.do(action, **given)
        assert caught.value.get_request_id()
        return str(caught.value.get_code())


@contextlib.asynccontextmanager
async def dialect_port(
    url: str, limits: Limits = UNLIMITED, *, operations: Operations | None = None
) -> AsyncIterator[DialectPort]:
    """An admin process that serves the dialects."""
    async with contextlib.AsyncExitStack() as stack:
        control = await stack.enter_async_context(control_store(url))
        store = RedisStore(url, StoreConfig(deadline_s=5.0), os.urandom(8))
        await store.start()
        stack.push_async_callback(store.close)
        desk = operations or Operations(control, Vault(MASTER), limits)
        backing = Backing(desk, Pairs(), store, control)
        app = web.Application(client_max_size=64 * 1024)
        for dialect in (CloudV3(backing), LegacyV2(backing), UsagePlans(backing)):
            dialect.add_to(app)
        runner = web.AppRunner(app, handle_signals=False, access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield DialectPort(desk, control, store, runner.addresses[0][1])
