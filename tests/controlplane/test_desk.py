"""Changes of several admin processes at once."""

import asyncio
import random

from quotad.controlplane.desk import Asker
from quotad.controlplane.operations import Operations
from quotad.controlplane.refusal import OperationError, Reason
from quotad.controlplane.replica import Page, Where
from tests.support.desk import ADMIN, contents, operations, plan, refused, secret, service, violations
from tests.support.servers import StoreServer


async def test_a_key_repeats_the_answer(store_server: StoreServer) -> None:
    """Under one Idempotency-Key a Secret is made once, by whichever process; another request is refused."""
    asker = Asker("tests", key="k1", fingerprint="create a")
    async with operations(store_server.url) as one, operations(store_server.url) as two:
        answers = await asyncio.gather(
            *(each.create_secret(asker, {"secretName": "a"}) for each in (one, two))
        )
        assert answers[0] == answers[1]
        assert (await one.secrets(Where(), Page()))[0] == 1
        other = Asker("tests", key="k1", fingerprint="create b")
        assert (await refused(two.create_secret(other, {"secretName": "b"})))[0] is Reason.KEY_REUSED


async def test_what_another_process_changed_is_seen_at_once(store_server: StoreServer) -> None:
    """Each reading is of the newest records; a tag that is not the newest changes nothing."""
    async with operations(store_server.url) as one, operations(store_server.url) as two:
        plan_id = await plan(one)
        assert (await two.plan(plan_id))["usagePlanName"] == "gold"
        await two.modify_plan(ADMIN, plan_id, {"usagePlanName": "silver"})
        assert (await one.plan(plan_id))["usagePlanName"] == "silver"
        asked = one.modify_plan(ADMIN, plan_id, {"usagePlanName": "x"}, "stale")
        assert (await refused(asked))[0] is Reason.STALE


async def test_a_storm_of_writers_breaks_no_rule(store_server: StoreServer) -> None:
    """Eight admin processes bind and unbind at random: never two plans of one Secret in one environment."""
    async with operations(store_server.url) as first:
        plans = [await plan(first, f"p{number}") for number in range(4)]
        secrets = [await secret(first) for _ in range(6)]
        services = [await service(first, "release", "test") for _ in range(2)]

        async def write(seed: int) -> int:
            chance, made = random.Random(seed), 0
            async with operations(store_server.url) as desk:
                for _ in range(40):
                    try:
                        await one_change(desk, chance)
                        made += 1
                    except OperationError as error:
                        assert error.reason is not Reason.BUSY  # noqa: PT017 - most refusals are right
                    assert violations(await desk.records()) == []
                return made

        async def one_change(desk: Operations, chance: random.Random) -> None:
            plan_id, service_id = chance.choice(plans), chance.choice(services)
            some = chance.sample(secrets, chance.randint(1, 2))
            match chance.randrange(5):
                case 0 | 1:
                    await desk.bind_secrets(ADMIN, plan_id, some)
                case 2:
                    await desk.unbind_secrets(ADMIN, plan_id, some[:1])
                case 3:
                    await desk.bind_environment(
                        ADMIN, [plan_id], service_id, chance.choice(["release", "test"])
                    )
                case _:
                    await desk.unbind_environment(ADMIN, [plan_id], service_id, "release")

        made = await asyncio.gather(*map(write, range(8)))
        assert min(made) > 0
        async with operations(store_server.url) as fresh:
            assert contents(await fresh.records()) == contents(await first.records())
