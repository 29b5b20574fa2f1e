"""One Pod takes another's place while callers call: nothing may be lost, and every count must be exact."""

import asyncio
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import redis

from quotad.core.plans import Subject, UsagePlan
from tests.rehearsal.callers import Callers
from tests.rehearsal.network import HOST, open_network
from tests.rehearsal.pod import Pod, ending
from tests.rehearsal.roots import Root
from tests.support.manifests import KUBERNETES, Manifests, containers, pod_of, rendered
from tests.support.patient import patient_store
from tests.support.waiting import until, until_true

FORGOTTEN_S = 2.0
"""How long after a Pod's end has begun its address is still handed out: what endpoints take to be known."""
BEFORE = AFTER = 200
"""Requests before the roll-out begins, and after it."""

CREDENTIALS = b"X-Secret-Id: AKIDrehearsal\r\nX-Secret-Key: secretkey-rehearsal\r\n"
RECORDS = """
services: [{serviceId: service-orders01, serviceName: orders}]
plans: [{usagePlanId: usagePlan-all, dayQuotaRequest: 1000000, quotaCondition: 2xx}]
secrets: [{secretId: AKIDrehearsal, secretName: rehearsal, secretKey: secretkey-rehearsal}]
bindings:
  - usagePlanId: usagePlan-all
    secretIds: [AKIDrehearsal]
    environments: [{service: orders, environment: release}]
"""
SUBJECT = Subject(
    UsagePlan("usagePlan-all", "all", quota_condition=frozenset({"2xx"})), "service-orders01", "release"
)


async def roll_out(folder: Path, root: Root) -> list[str]:
    """Everything that went wrong."""
    open_network()
    (folder / "hosts").write_text(f"127.0.0.1 localhost\n{HOST} redis\n")
    manifests = Manifests(rendered(KUBERNETES / "overlays" / "demo"))
    orders, admin = manifests.one("Deployment", "orders"), manifests.one("Deployment", "quotad-admin")
    pods = [
        Pod(manifests, workload, number, root, folder / f"pod{number}")
        for number, workload in ((1, orders), (2, admin), (3, orders))
    ]
    async with running_redis(manifests), ending(pods):
        old, desk, new = pods
        await asyncio.gather(old.start(), desk.start())
        print(f"ready: {old.name}, {desk.name}")
        await asyncio.to_thread(seed, manifests)
        endpoints = [old.address]
        callers = Callers(lambda: endpoints, CREDENTIALS)
        calling = asyncio.ensure_future(callers.run(quick=6, slow=3))
        await reached(callers, calling, old.address, BEFORE)
        await new.start()
        endpoints.append(new.address)
        print(f"ready: {new.name}; {old.name} ends")
        loop = asyncio.get_running_loop()
        loop.call_later(FORGOTTEN_S, endpoints.remove, old.address)
        for pod in (old, desk, new):
            for container in pod.containers:
                print(f"  {pod.name} {container.name}: {await container.kilobytes() / 1024:.0f} MB")
        took_s = await old.end()
        print(f"{old.name} ended after {took_s:.1f} s")
        await reached(callers, calling, new.address, callers.by_address[new.address] + AFTER)
        callers.stop()
        await calling
        lost = await missing(callers)
    return [*lost, *(each for pod in pods for each in pod.problems)]


async def reached(callers: Callers, calling: asyncio.Future[None], address: str, count: int) -> None:
    """So many answers came from there."""
    await until(lambda: callers.by_address[address] >= count or calling.done(), 60)


async def missing(callers: Callers) -> list[str]:
    """What callers lost, and how counts differ from what they got."""
    store = patient_store(f"redis://quotad:only-to-try-it@{HOST}:6379/0")
    await store.start()
    try:
        # The last settles are told a moment after the last answer.
        async def is_told() -> bool:
            return not (await store.usage([SUBJECT]))[0].total_open

        with contextlib.suppress(TimeoutError):
            await until_true(is_told)
        (usage,) = await store.usage([SUBJECT])
    finally:
        await store.close()
    print(f"answers: {dict(callers.statuses)}; counted: {usage.total_charged}, held: {usage.total_open}")
    problems = list(callers.problems)
    if set(callers.statuses) != {200}:
        problems.append(f"not all answers are 200: {dict(callers.statuses)}")
    if (usage.total_charged, usage.total_open) != (callers.statuses[200], 0):
        problems.append(f"{usage.total_charged} were counted and {usage.total_open} are held")
    return problems


def seed(manifests: Manifests) -> None:
    """The records, as an operator would bring them."""
    keys = manifests.files({"secret": {"secretName": "quotad-admin"}})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "master.keys").write_bytes(keys["master.keys"])
        (folder / "records.yaml").write_text(RECORDS)
        (folder / "quotad.yaml").write_text(
            f"store: {{url: 'redis://quotad-admin:{keys['store-password'].decode()}@{HOST}:6379/0'}}\n"
            "control: {masterKeys: file:master.keys}\n"
        )
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "quotad",
                "apply",
                "-c",
                folder / "quotad.yaml",
                "-f",
                folder / "records.yaml",
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr


@contextlib.asynccontextmanager
async def running_redis(manifests: Manifests) -> AsyncIterator[None]:
    """This machine's redis-server with the manifest's arguments: its image is another project's."""
    (container,) = containers(pod_of(manifests.one("Deployment", "redis")))
    process = await asyncio.create_subprocess_exec(
        "redis-server", *container["args"], "--bind", HOST, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        client = redis.Redis(HOST, username="quotad", password="only-to-try-it")
        await until_true(lambda: asyncio.to_thread(_answers, client))
        client.close()
        yield
    finally:
        process.terminate()
        await process.wait()


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
