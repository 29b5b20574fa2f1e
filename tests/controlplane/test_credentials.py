"""What admins sign in with."""

from quotad.catalog.vault import Vault
from quotad.controlplane.credentials import digest, is_usable, proves
from quotad.controlplane.operations import Operations
from quotad.controlplane.refusal import Reason
from tests.support.control import control_store
from tests.support.desk import ADMIN, MASTER, refused
from tests.support.servers import StoreServer


async def test_only_a_digest_of_a_token_is_kept(desk: Operations) -> None:
    """The token proves its record and no other; what is kept proves nothing."""
    made = await desk.create_credential(ADMIN, {"name": "a", "role": "read"})
    record = (await desk.records()).credential(made["id"])
    assert record is not None
    assert proves(record, made["token"])
    assert record["hash"] == digest(made["token"])
    assert made["token"] not in str(record)
    for wrong in (record["hash"], made["token"][:-1], "", "\udcff"):
        assert not proves(record, wrong)
    assert not proves(None, made["token"])
    assert len(made["token"].partition(".")[2]) >= 28


async def test_when_it_may_be_used(desk: Operations) -> None:
    """Neither disabled, nor expired, nor gone."""
    made = await desk.create_credential(
        ADMIN, {"name": "a", "role": "read", "expiresAt": "2100-01-01T00:00:00Z"}
    )
    record = (await desk.records()).credential(made["id"])
    assert record is not None
    assert is_usable(record, record["expires"] - 1)
    assert not is_usable(record, record["expires"])
    assert not is_usable({**record, "enabled": False}, 0)
    assert not is_usable(None, 0)


async def test_a_key_pair_is_sealed_and_sealed_again(store_server: StoreServer) -> None:
    """Its key opens with the vault; with a newer master key all of them are sealed anew."""
    newer = (("m2", bytes(range(1, 33))), *MASTER)
    async with control_store(store_server.url) as control:
        desk = Operations(control, Vault(MASTER))
        made = await desk.create_credential(ADMIN, {"type": "keyPair", "name": "a", "role": "read"})
        later, vault = Operations(control, Vault(newer)), Vault(newer)
        assert await later.reseal(ADMIN) == 1
        assert await later.reseal(ADMIN) == 0
        record = (await later.records()).credential(made["id"])
        assert record is not None
        assert record["secretKey"].startswith("m2.")
        assert vault.open(made["id"], record["secretKey"]).decode() == made["secretKey"]


async def test_what_is_wrong_changes_nothing(desk: Operations) -> None:
    """Unknown ones, unknown fields and roles, stale tags."""
    made = await desk.create_credential(ADMIN, {"name": "a", "role": "read"})
    assert await refused(desk.modify_credential(ADMIN, "none", {})) == (Reason.NO_CREDENTIAL, "credentialId")
    assert (await refused(desk.create_credential(ADMIN, {"name": "a", "role": "root"})))[1] == "role"
    assert (await refused(desk.modify_credential(ADMIN, made["id"], {"hash": "x"})))[
        0
    ] is Reason.UNKNOWN_FIELD
    assert (await refused(desk.delete_credential(ADMIN, made["id"], "stale")))[0] is Reason.STALE
