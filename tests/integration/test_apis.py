"""Plans bound to single Apis, through a running quotad: which one counts, who is refused, and how."""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.backends import running_backend
from tests.support.processes import Quotad, running_quotad
from tests.support.rawhttp import raw
from tests.support.servers import StoreServer
from tests.support.shell import file_of

SERVICE = "service-orders01"
APIS = [
    {"apiId": "api-list", "apiName": "list", "method": "GET", "path": "/orders"},
    {"apiId": "api-one", "apiName": "one", "path": "/orders/{orderId}"},
    {"apiId": "api-free", "apiName": "free", "path": "/free/*"},
]
KEYS = {"one": "secret-of-one", "two": "secret-of-two"}


def told(url: str, backend_port: int, workers: int, **service: Any) -> dict[str, Any]:
    """Three calls a day of each of two Apis for one Secret; a shadow plan beside for one of them."""
    here = {"service": SERVICE, "environment": "release"}
    return {
        "workers": workers,
        "listen": {"address": "127.0.0.1:0"},
        "telemetry": {"address": "127.0.0.1:0", "accessLog": ""},
        "admin": {"address": "127.0.0.1:0", "unauthenticatedLoopback": True},
        "store": {"url": url, "deadlineMs": 5000},
        "routes": [
            {
                "pathPrefix": "/shop",
                "stripPrefix": True,
                "service": SERVICE,
                "environment": "release",
                "upstreams": [f"http://127.0.0.1:{backend_port}"],
                "preflight": "pass",
            }
        ],
        "services": [{"serviceId": SERVICE, "apis": APIS, **service}],
        "plans": [
            {"usagePlanId": "gold", "dayQuotaRequest": 3, "maxRequestNum": 50},
            {"usagePlanId": "tin", "scope": "secret", "dayQuotaRequest": 2},
        ],
        "secrets": [{"secretId": f"AKID{name}", "secretKey": key} for name, key in KEYS.items()],
        "bindings": [
            {
                "usagePlanId": "gold",
                "secretIds": ["AKIDone"],
                "environments": [{**here, "apis": ["api-list", "api-one"]}],
            },
            {
                "usagePlanId": "tin",
                "secretIds": ["AKIDone"],
                "environments": [{**here, "apis": ["api-list"]}],
                "shadow": True,
            },
        ],
    }


class Shop(NamedTuple):
    """A running quotad, and the paths that its backend was asked for."""

    quotad: Quotad

    async def call(self, path: str, who: str = "one", method: str = "GET") -> int:
        """The status of one call."""
        headers = {"X-Secret-Id": f"AKID{who}", "X-Secret-Key": KEYS[who]}
        async with httpx.AsyncClient(trust_env=False) as client:
            url = f"http://127.0.0.1:{self.quotad.ports['listen']}/shop{path}"
            return (await client.request(method, url, headers=headers)).status_code

    async def ask(self, target: str, port: str = "admin", method: str = "GET", **more: Any) -> httpx.Response:
        """From one of its ports."""
        async with httpx.AsyncClient(trust_env=False) as client:
            return await client.request(method, f"http://127.0.0.1:{self.quotad.ports[port]}{target}", **more)


@contextlib.asynccontextmanager
async def shop(folder: Path, url: str, workers: int = 1, **service: Any) -> AsyncIterator[Shop]:
    """Until the end of the block."""
    async with running_backend() as backend:
        path = file_of(folder / "quotad.yaml", told(url, backend.port, workers, **service))
        async with running_quotad(path) as (quotad,):
            yield Shop(quotad)


async def test_each_api_counts_for_itself(store_server: StoreServer, tmp_path: Path) -> None:
    """One used up leaves the other; who has no plan there is 403, what is no Api 404, whoever asks."""
    async with shop(tmp_path, store_server.url) as here:
        assert [await here.call("/orders") for _ in range(4)] == [200, 200, 200, 429]
        assert [await here.call(f"/orders/{each}", method="PUT") for each in range(4)] == [200, 200, 200, 429]
        assert await here.call("/free/of/plans") == 403
        assert await here.call("/orders", who="two") == 403
        assert await here.call("/orders", method="POST") == 404
        anonymous = await here.ask("/shop/nothing", "listen")
        assert (anonymous.status_code, anonymous.json()["detail"]) == (404, "Found no api.")
        assert (await here.ask("/shop/orders", "listen")).status_code == 401
        preflight = {"Origin": "http://a.test", "Access-Control-Request-Method": "GET"}
        answer = await here.ask("/shop/nothing", "listen", "OPTIONS", headers=preflight)
        assert answer.status_code == 200


async def test_it_cannot_be_walked_around(store_server: StoreServer, tmp_path: Path) -> None:
    """A path that a backend may read as another Api's, or as none's, goes to nobody."""
    odd = ("/orders%2F1", "/orders/../free/x", "/free/..%2forders", "//orders", "/%6Frders", "/orders;a=1")
    async with shop(tmp_path, store_server.url) as here:
        for path in odd:
            async with raw(here.quotad.ports["listen"]) as caller:
                lines = f"Host: x\r\nX-Secret-Id: AKIDone\r\nX-Secret-Key: {KEYS['one']}\r\n"
                await caller.send(f"GET /shop{path} HTTP/1.1\r\n{lines}\r\n".encode())
                assert (await caller.answer()).status == 400, path
        (row,) = (await here.ask("/v1/usage?usagePlanId=gold&apiId=api-one")).json()["usage"]
        assert row["windows"]["day"]["inUse"] == 0


async def test_the_default_plan_is_the_environment_s(store_server: StoreServer, tmp_path: Path) -> None:
    """Who has no plan for an Api counts under it, all Apis together; for none of the Apis it is 404 still."""
    place = {"environment": "release", "defaultPlan": "gold"}
    async with shop(tmp_path, store_server.url, environments=[place]) as here:
        assert [await here.call("/free/a", who="two"), await here.call("/free/b")] == [200, 200]
        assert [await here.call("/orders", who="two") for _ in range(2)] == [200, 429]
        assert await here.call("/nothing", who="two") == 404
        assert await here.call("/orders") == 200
        rows = (await here.ask("/v1/usage?usagePlanId=gold")).json()["usage"]
        assert {row.get("apiId"): row["windows"]["day"]["inUse"] for row in rows} == {
            "api-list": 1,
            "api-one": 0,
            None: 3,
        }
        answer = (
            await here.ask(
                f"/v1/explain?secretId=AKIDtwo&serviceId={SERVICE}&environment=release&apiId=api-one"
            )
        ).json()
        assert (answer["byDefault"], answer["plan"]["usagePlanId"], answer["limit"]) == (True, "gold", "day")


@pytest.mark.parametrize("workers", [1, 2])
async def test_what_is_told_of_it(store_server: StoreServer, tmp_path: Path, workers: int) -> None:
    """Use, history, explanation, reset, metrics, and what callers see themselves name the Api."""
    async with shop(tmp_path, store_server.url, workers) as here:
        assert [await here.call("/orders") for _ in range(4)] == [200, 200, 200, 429]
        assert await here.call("/orders/1") == 200
        (row,) = (await here.ask("/v1/usage?usagePlanId=gold&apiId=api-list")).json()["usage"]
        assert (row["apiId"], row["apiName"], row["windows"]["day"]["inUse"]) == ("api-list", "list", 3)
        (row,) = (await here.ask("/v1/usage/history?unit=day&apiId=api-one")).json()["usage"]
        assert (row["apiId"], row["usagePlanId"]) == ("api-one", "gold")
        place = f"secretId=AKIDone&serviceId={SERVICE}&environment=release"
        found = (await here.ask(f"/v1/explain?{place}&apiId=api-list")).json()
        assert (found["admitted"], found["limit"]) == (False, "day")
        assert found["plan"]["subject"] == f"gold/{SERVICE}/release/.api.api-list"
        assert found["shadow"]["limit"] == "day"
        reasons = [
            (await here.ask(f"/v1/explain?{place}{more}")).json()["reason"]
            for more in ("", "&apiId=api-none", "&apiId=api-free")
        ]
        assert reasons == ["api_needed", "unknown_api", "not_bound"]
        bound = (await here.ask(f"/v1/bindings/environments?serviceId={SERVICE}&apiId=api-one")).json()
        assert [(each["usagePlanId"], each["apiId"]) for each in bound["bindings"]] == [("gold", "api-one")]
        change = {"usagePlanId": "gold", "serviceId": SERVICE, "environment": "release", "windows": ["day"]}
        reset = {**change, "reason": "r"}
        assert (await here.ask("/v1/usage/reset", method="POST", json=reset)).status_code == 400
        done = await here.ask("/v1/usage/reset", method="POST", json={**reset, "apiId": "api-list"})
        assert done.json()["usage"]["windows"]["day"]["inUse"] == 0
        headers = {"X-Secret-Id": "AKIDone", "X-Secret-Key": KEYS["one"]}
        own = (await here.ask("/.well-known/quotad/usage", "listen", headers=headers)).json()["usage"]
        assert {each["apiId"] for each in own} == {"api-list", "api-one"}
        page = (await here.ask("/metrics", "telemetry")).text
        assert samples(page, "quotad_requests_total", code_class="2xx") == {"api-list": 3, "api-one": 1}
        assert samples(page, "quotad_denied_total", reason="day") == {"api-list": 1}
        assert samples(page, "quotad_in_use_request_num", window="total") == {"api-list": 3, "api-one": 1}
        assert samples(page, "quotad_shadow_requests_total", verdict="admitted") == {"api-list": 2}
        assert 'api=""' not in page


def samples(page: str, name: str, **labels: str) -> dict[str, float]:
    """Of the plans, by Api."""
    return {
        sample.labels["api"]: sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == name and "api" in sample.labels and labels.items() <= sample.labels.items()
    }


async def test_apis_alone_change_nothing(store_server: StoreServer, tmp_path: Path) -> None:
    """While plans are bound to the environment all of its paths are served, and count together."""
    async with running_backend() as backend:
        file = told(store_server.url, backend.port, 1)
        for each in file["bindings"]:
            del each["environments"][0]["apis"]
        async with running_quotad(file_of(tmp_path / "quotad.yaml", file)) as (quotad,):
            here = Shop(quotad)
            assert [await here.call(path) for path in ("/orders", "/nothing", "/a%2Fb", "/free")] == [
                *(200, 200, 200, 429)
            ]
            page = (await here.ask("/metrics", "telemetry")).text
            assert 'quotad_requests_total{code_class="2xx",environment="release",plan="gold"' in page
            assert "api=" not in page
            assert json.loads((await here.ask(f"/v1/services/{SERVICE}")).text)["apiCount"] == len(APIS)
