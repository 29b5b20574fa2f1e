"""Key pairs: made, rotated, sealed, taken away."""

import re
from typing import Any

import pytest

from quotad.controlplane.operations import Operations
from quotad.controlplane.refusal import Reason
from quotad.controlplane.replica import Page, Where
from tests.support.control import control_store, everything
from tests.support.desk import ADMIN, operations, plan, refused, secret
from tests.support.servers import StoreServer


async def test_a_pair_that_quotad_makes(desk: Operations) -> None:
    """AKID and 36 alphanumerics, a key of at least 32; the name has no hyphen; no two are alike."""
    made = [await desk.create_secret(ADMIN, {"secretName": "a_1"}) for _ in range(3)]
    for each in made:
        assert re.fullmatch(r"AKID[A-Za-z0-9]{36}", each["secretId"])
        assert re.fullmatch(r"[A-Za-z0-9]{32,50}", each["secretKey"])
        assert (each["type"], each["enabled"]) == ("auto", True)
    assert len({each["secretId"] for each in made} | {each["secretKey"] for each in made}) == 6
    assert await refused(desk.create_secret(ADMIN, {"secretName": "a-1"})) == (Reason.INVALID, "secretName")


@pytest.mark.parametrize(
    ("values", "reason", "field"),
    [
        ({}, Reason.MISSING, "secretName"),
        ({"secretName": ""}, Reason.INVALID, "secretName"),
        ({"secretName": "x" * 51}, Reason.INVALID, "secretName"),
        ({"secretName": "n", "secretId": "abcd", "secretKey": "k" * 10}, Reason.INVALID, "secretId"),
        ({"secretName": "n", "secretId": "abcde", "secretKey": "k" * 9}, Reason.INVALID, "secretKey"),
        ({"secretName": "n", "secretId": "abcde", "secretKey": "k" * 51}, Reason.INVALID, "secretKey"),
        ({"secretName": "n", "secretId": "abcde\n", "secretKey": "k" * 10}, Reason.INVALID, "secretId"),
        ({"secretName": "n", "secretId": "abcdé", "secretKey": "k" * 10}, Reason.INVALID, "secretId"),
        ({"secretName": "n", "secretId": "abcde"}, Reason.MISSING, "secretKey"),
        ({"secretName": "n", "secretKey": "k" * 10}, Reason.MISSING, "secretId"),
        ({"secretName": "n", "colour": "red"}, Reason.UNKNOWN_FIELD, "colour"),
        ({"secretName": 5}, Reason.INVALID, "secretName"),
        ({"secretName": "n", "expiresAt": "tomorrow"}, Reason.INVALID, "expiresAt"),
    ],
)
async def test_what_makes_no_secret(
    desk: Operations, values: dict[str, Any], reason: Reason, field: str
) -> None:
    """Each rule of a key pair is refused by name, and nothing is made."""
    assert await refused(desk.create_secret(ADMIN, values)) == (reason, field)
    assert (await desk.secrets(Where(), Page()))[0] == 0


async def test_a_secret_id_is_there_once(desk: Operations) -> None:
    """A pair that is given keeps its id and its hyphens; its id cannot be given again."""
    given = {"secretName": "a-1", "secretId": "custom-id", "secretKey": "0123456789"}
    made = await desk.create_secret(ADMIN, given)
    assert (made["type"], made["secretKey"]) == ("manual", "0123456789")
    assert await refused(desk.create_secret(ADMIN, given)) == (Reason.SECRET_EXISTS, "secretId")
    assert await refused(desk.import_secrets(ADMIN, [{"secretName": "b"}, given])) == (
        Reason.SECRET_EXISTS,
        "secretId",
    )
    assert (await desk.secrets(Where(), Page()))[0] == 1


async def test_keys_are_sealed_where_they_lie(desk: Operations, store_server: StoreServer) -> None:
    """No SecretKey stands in clear in any record, log entry or audit record; who may see it does."""
    made = await desk.create_secret(ADMIN, {"secretName": "a"})
    turned = await desk.rotate_secret(ADMIN, made["secretId"], {"overlapSeconds": 60})
    async with control_store(store_server.url) as control:
        kept = str([await everything(control, "secret"), await control.since(0), await control.audit("", 10)])
    assert made["secretKey"] not in kept
    assert turned["secretKey"] not in kept
    assert (await desk.reveal_secret_keys(ADMIN, made["secretId"]))["secretKey"] == turned["secretKey"]
    async with control_store(store_server.url) as control:
        (_, newest), *_ = await control.audit("", 1)
    assert newest["action"] == "RevealSecretKey"


async def test_a_rotation_keeps_the_old_key_for_its_overlap(desk: Operations) -> None:
    """With an overlap the time of its end is told; without one there is none."""
    made = await desk.create_secret(ADMIN, {"secretName": "a"})
    now_us = await desk.now_us()
    turned = await desk.rotate_secret(
        ADMIN, made["secretId"], {"secretKey": "abcdefghij", "overlapSeconds": 60}
    )
    assert turned["secretKey"] == "abcdefghij"
    assert 0 <= turned["previousUntil"] - now_us - 60_000_000 < 60_000_000
    assert (await desk.rotate_secret(ADMIN, made["secretId"], {}))["previousUntil"] is None


async def test_each_of_two_keys_has_an_overlap_of_its_own(desk: Operations) -> None:
    """Rotating one ends neither the other nor the other's overlap; a first second key replaces nothing."""
    secret_id = (await desk.create_secret(ADMIN, {"secretName": "a"}))["secretId"]
    made = await desk.rotate_secret(ADMIN, secret_id, {"which": "secondary", "overlapSeconds": 60})
    assert made["secondaryPreviousUntil"] is None
    turned = await desk.rotate_secret(ADMIN, secret_id, {"overlapSeconds": 60})
    later = await desk.rotate_secret(ADMIN, secret_id, {"which": "secondary", "overlapSeconds": 90})
    assert later["previousUntil"] == turned["previousUntil"]
    assert later["secondaryPreviousUntil"] > later["previousUntil"]
    keys = await desk.reveal_secret_keys(ADMIN, secret_id)
    assert keys == {"secretKey": turned["secretKey"], "secondaryKey": later["secondaryKey"]}
    assert made["secondaryKey"] not in keys.values()
    await desk.drop_secondary_key(ADMIN, secret_id)
    assert (await desk.secret(secret_id)).previous_until == turned["previousUntil"]
    assert await desk.reveal_secret_keys(ADMIN, secret_id) == {"secretKey": turned["secretKey"]}


async def test_only_a_disabled_unbound_secret_is_deleted(desk: Operations) -> None:
    """Enabled, then bound, it stays; in the end it is gone, and its counters are to go."""
    secret_id, plan_id = await secret(desk), await plan(desk)
    await desk.bind_secrets(ADMIN, plan_id, [secret_id])
    assert await refused(desk.delete_secret(ADMIN, secret_id)) == (Reason.SECRET_ENABLED, "")
    await desk.disable_secret(ADMIN, secret_id)
    assert await refused(desk.delete_secret(ADMIN, secret_id)) == (Reason.SECRET_IN_USE, "")
    await desk.unbind_secrets(ADMIN, plan_id, [secret_id])
    await desk.delete_secret(ADMIN, secret_id)
    assert await refused(desk.secret(secret_id)) == (Reason.NO_SECRET, "secretId")
    assert [each["id"] for each in (await desk.records()).doomed()] == [secret_id]


async def test_another_master_key_takes_over(store_server: StoreServer) -> None:
    """After resealing, the old master key opens nothing and the new one everything."""
    old, new = ("m1", bytes(range(32))), ("m2", bytes(range(1, 33)))
    async with operations(store_server.url, keys=(old,)) as desk:
        made = [await desk.create_secret(ADMIN, {"secretName": "a"}) for _ in range(3)]
        for which in ("primary", "secondary", "secondary"):
            turned = {"which": which, "overlapSeconds": 60}
            made[0] = {**made[0], **await desk.rotate_secret(ADMIN, made[0]["secretId"], turned)}
    async with operations(store_server.url, keys=(new, old)) as desk:
        assert await desk.reseal(ADMIN) == 3
        assert await desk.reseal(ADMIN) == 0
    async with operations(store_server.url, keys=(new,)) as desk:
        for each in made:
            keys = {name: each[name] for name in ("secretKey", "secondaryKey") if name in each}
            assert await desk.reveal_secret_keys(ADMIN, each["secretId"]) == keys
