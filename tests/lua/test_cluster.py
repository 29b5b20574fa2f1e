"""The scripts that ship, on servers that run as a Cluster: keys of one slot only, none undeclared."""

from collections.abc import Iterator

import pytest
import redis

from quotad.core.quota import Answer, Call, DayNumbers
from quotad.store import codec
from quotad.store.keys import subject_keys
from quotad.store.scripts import load_all
from tests.support.batches import subject, terms
from tests.support.servers import StoreServer, engines, free_port, running_server

SIDECAR = b"sidecar1"
SLOTS = 16384


@pytest.fixture(params=engines())
def node(request: pytest.FixtureRequest) -> Iterator[StoreServer]:
    """A Cluster of one node that owns every slot."""
    # The bus port, left to itself, is 10,000 above the port, which need not be a port at all.
    extra = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    with (
        running_server(request.param, extra=extra) as server,
        server.client() as client,
    ):
        client.execute_command("CLUSTER", "ADDSLOTS", *range(SLOTS))
        while b"cluster_state:ok" not in client.execute_command("CLUSTER", "INFO"):
            pass
        yield server


def evaluate(client: "redis.Redis", verb: str, calls: list[Call]) -> list[Answer]:
    """Run a decision as a sidecar would."""
    keys = [key for call in calls for key in subject_keys("quotad", call.subject)]
    arguments = [SIDECAR, codec.pack_batch(60_000_000, 1), codec.pack_terms(calls[0].terms)]
    arguments += [codec.pack_call(1, call) for call in calls]
    replies = client.eval(load_all()[verb].text, len(keys), *keys, *arguments)
    return [codec.unpack_answer(reply) for reply in replies]


def test_every_verb_runs_on_the_one_slot_of_its_subject(node: StoreServer) -> None:
    """Reserve, settle and usage of a Subject touch nothing but its two keys."""
    one, plan = subject(1), terms(3, conditional=True)
    nothing = DayNumbers()
    with node.client() as client:
        (held,) = evaluate(client, "reserve", [Call(one, plan, 5, 0, 1, nothing, nothing)])
        assert (held.granted, held.day_open) == (3, 3)
        told = DayNumbers(held.day_end_us, 2, 1)
        (after,) = evaluate(client, "settle", [Call(one, plan, 0, held.generation, 2, told, nothing)])
        assert (after.day_charged, after.day_open) == (1, 1)
        keys = subject_keys("quotad", one)
        (usage,) = client.eval(load_all()["usage"].text, 2, *keys)
        assert codec.unpack_usage(usage).total_charged == 1
        assert len({client.execute_command("CLUSTER", "KEYSLOT", key) for key in keys}) == 1
        assert sorted(client.keys()) == sorted(keys)


def test_subjects_of_different_slots_cannot_share_a_call(node: StoreServer) -> None:
    """Which is why a Cluster gets one call per Subject."""
    plan, nothing = terms(3), DayNumbers()
    calls = [Call(subject(number), plan, 1, 0, 1, nothing, nothing) for number in (1, 2)]
    with node.client() as client, pytest.raises(redis.exceptions.ResponseError, match="same slot"):
        evaluate(client, "reserve", calls)
