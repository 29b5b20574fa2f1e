"""Throttles and nonces over several real processes on one store."""

import asyncio
import json
from collections import Counter
from pathlib import Path

from quotad.client.caller import KeyPair
from quotad.client.signing import Unsigned, strong_headers
from quotad.clock import monotonic_s, wall_s
from quotad.core.plans import EnvironmentRule, Subject, UsagePlan
from quotad.core.table import throttle_of
from tests.support.backends import OK, Seen, running_backend
from tests.support.patient import patient_store
from tests.support.processes import REQUEST, SUBJECT, Quotad, running_quotad, write_config
from tests.support.servers import StoreServer
from tests.support.storm import exchange, storm

CALLERS = ("AKIDcaller", "AKIDsecond", "AKIDthird0")


def configured(path: Path, url: str, backend_port: int, throttle: dict[str, int], replay: str) -> Path:
    """Three callers: one under a plan of its own, the others under the environment's default plan."""
    write_config(path, {"url": url}, backend_port, {"dayQuotaRequest": 100_000})
    config = json.loads(path.read_text())
    config["routes"][0]["authentication"] = {"signatureRules": {"replay": replay}}
    config["services"][0]["environments"] = [
        {"environment": "release", "throttle": throttle, "defaultPlan": "usagePlan-rest0001"}
    ]
    config["plans"].append({"usagePlanId": "usagePlan-rest0001", "dayQuotaRequest": 100_000})
    config["secrets"] += [{"secretId": name, "secretKey": "secretcaller"} for name in CALLERS[1:]]
    path.write_text(json.dumps(config))
    return path


def request_of(secret_id: str) -> bytes:
    """The usual request, of another caller."""
    return REQUEST.replace(b"AKIDcaller", secret_id.encode())


def ports(running: list[Quotad]) -> list[int]:
    return [quotad.ports["listen"] for quotad in running]


async def charged(url: str, *subjects: Subject) -> list[int]:
    """What each day has charged."""
    store = patient_store(url)
    await store.start()
    try:
        return [usage.day_charged + usage.day_open for usage in await store.usage(subjects)]
    finally:
        await store.close()


async def test_a_throttle_is_one_for_all_callers_and_processes(
    tmp_path: Path, store_server: StoreServer
) -> None:
    """Three callers, two plans, three processes: together they get the rate and the burst.

    No plan is charged for more than what went through.
    """
    rate, burst = 20, 50
    rest = Subject(UsagePlan("usagePlan-rest0001", "rest"), "service-orders01", "release")
    seen: list[float] = []

    def reply(_: Seen) -> bytes:
        seen.append(monotonic_s())
        return OK

    async with running_backend(reply) as backend:
        path = configured(
            tmp_path / "q.yaml", store_server.url, backend.port, {"rateRps": rate, "burst": burst}, "process"
        )
        async with running_quotad(path, count=3) as running:
            own: dict[str, Counter[int]] = {}
            # Before the first was admitted: it may reach the backend any time later.
            begun_s = monotonic_s()

            async def counted(secret_id: str) -> None:
                def enough(statuses: Counter[int]) -> bool:
                    own[secret_id] = statuses
                    return sum(each[200] for each in own.values()) >= 90

                await storm(ports(running), request_of(secret_id), 2, enough)

            await asyncio.gather(*map(counted, CALLERS))
        passed = sum(each[200] for each in own.values())
        assert {status for each in own.values() for status in each} == {200, 429}
        assert passed == len(seen)
        for place, at_s in enumerate(seen):
            assert place + 1 <= burst + rate * (at_s - begun_s)
        assert await charged(store_server.url, SUBJECT, rest) == [
            own["AKIDcaller"][200],
            own["AKIDsecond"][200] + own["AKIDthird0"][200],
        ]
        throttle = throttle_of("service-orders01", EnvironmentRule("release", rate, burst))
        assert await charged(store_server.url, throttle) == [passed]


async def test_an_api_s_throttle_is_exact_beside_that_of_its_environment(
    tmp_path: Path, store_server: StoreServer
) -> None:
    """Three callers, two of them of one Api, three processes: the Api gets its rate, all together theirs.

    What either throttle refused is charged to no plan and to no throttle.
    """
    whole, single = EnvironmentRule("release", 20, 50), EnvironmentRule("release", 10, 20)
    rest = Subject(UsagePlan("usagePlan-rest0001", "rest"), "service-orders01", "release")
    seen: dict[bool, list[float]] = {True: [], False: []}

    def reply(request: Seen) -> bytes:
        seen[b"/lines" not in request.line].append(monotonic_s())
        return OK

    async with running_backend(reply) as backend:
        path = configured(
            tmp_path / "q.yaml", store_server.url, backend.port, {"rateRps": 20, "burst": 50}, "process"
        )
        config = json.loads(path.read_text())
        throttle = {"rateRps": single.rate_rps, "burst": single.burst}
        config["services"][0]["apis"] = [{"apiId": "api-order", "path": "/orders/{id}", "throttle": throttle}]
        path.write_text(json.dumps(config))
        async with running_quotad(path, count=3) as running:
            own: dict[str, Counter[int]] = {}
            begun_s = monotonic_s()

            async def counted(secret_id: str, target: bytes) -> None:
                def enough(statuses: Counter[int]) -> bool:
                    own[secret_id] = statuses
                    # Beside endless others the Api's requests, which ask once more, hardly come first.
                    return len(seen[b"/lines" not in target]) >= 35

                request = request_of(secret_id).replace(b"/orders/1", target)
                await storm(ports(running), request, 2, enough)

            targets = (b"/orders/1", b"/orders/2?a=b", b"/orders/1/lines")
            await asyncio.gather(*map(counted, CALLERS, targets))
        passed = {name: each[200] for name, each in own.items()}
        assert {status for each in own.values() for status in each} == {200, 429}
        assert [len(seen[True]), len(seen[False])] == [
            passed["AKIDcaller"] + passed["AKIDsecond"],
            passed["AKIDthird0"],
        ]
        for rule, times in ((single, seen[True]), (whole, sorted(seen[True] + seen[False]))):
            for place, at_s in enumerate(times):
                assert place + 1 <= rule.burst + rule.rate_rps * (at_s - begun_s)
        throttles = [
            throttle_of("service-orders01", rule, api) for rule, api in ((single, "api-order"), (whole, ""))
        ]
        assert await charged(store_server.url, SUBJECT, rest, *throttles) == [
            passed["AKIDcaller"],
            passed["AKIDsecond"] + passed["AKIDthird0"],
            len(seen[True]),
            sum(passed.values()),
        ]


async def test_a_nonce_passes_once_in_the_whole_fleet(tmp_path: Path, store_server: StoreServer) -> None:
    """The same signed request, sent to three processes at once and again later, reaches the backend once."""
    async with running_backend() as backend:
        path = configured(tmp_path / "q.yaml", store_server.url, backend.port, {"rateRps": 1000}, "fleet")
        async with running_quotad(path, count=3) as running:
            pair = KeyPair("AKIDcaller", "secretcaller")
            headers = strong_headers(pair, Unsigned("GET", "http://api.test/orders/1"), wall_s())
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
            request = f"GET /orders/1 HTTP/1.1\r\nHost: api.test\r\n{lines}\r\n".encode()

            async def send(port: int) -> tuple[int, bytes]:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                status, _, body = await exchange(reader, writer, request)
                writer.close()
                return status, body

            answers = await asyncio.gather(*(send(port) for port in ports(running) * 4))
            answers += await asyncio.gather(*(send(port) for port in ports(running)))
        assert Counter(status for status, _ in answers) == {200: 1, 401: 14}
        assert all(b"signature-replayed" in body for status, body in answers if status == 401)
        assert len(backend.seen) == 1
        assert await charged(store_server.url, SUBJECT) == [1]
