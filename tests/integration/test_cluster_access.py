"""How quotad gets into a Cluster: passwords, rights, TLS; and waiting for its replicas."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from quotad.config.model import StoreConfig
from quotad.core.quota import Answer
from quotad.errors import StoreError
from quotad.store.redis_store import RedisStore
from tests.support.batches import call, subject, submit, terms
from tests.support.certificates import Authority
from tests.support.clusters import Cluster, Migration, running_cluster
from tests.support.servers import free_port
from tests.support.waiting import until

PATIENT = StoreConfig(deadline_s=5.0)
PASSWORD = "secret-of-the-test"
DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "operations.md"
OF = [subject(each) for each in range(20)]


async def started(url: str, config: StoreConfig = PATIENT) -> RedisStore:
    store = RedisStore(url, config, b"sidecar1")
    await store.start()
    return store


async def ask_everywhere(store: RedisStore, number: int = 1) -> Sequence[Answer | StoreError]:
    """One unit of each of many Subjects, which lie on all nodes."""
    return await submit(store, [call(each, terms(), number) for each in OF]).end()


def granted(answers: Sequence[Answer | StoreError]) -> int:
    return sum(item.granted for item in answers if isinstance(item, Answer))


def documented() -> list[str]:
    """The user of docs/operations.md, with what it says of a Cluster."""
    text = DOCUMENT.read_text(encoding="utf-8")
    line = re.search(r"^ACL SETUSER quotad .*$", text, re.MULTILINE)
    more = re.search(r"^On a Cluster add `([^`]*)`", text, re.MULTILINE)
    assert line is not None
    assert more is not None
    return [*line[0].replace("PASSWORD", PASSWORD).split(), *more[1].split()]


async def test_the_password_goes_to_every_node() -> None:
    """The one in the URL; a wrong one ends the start, and is not shown."""
    with running_cluster(primaries=2, replicas=0, password=PASSWORD) as cluster:
        store = await started(cluster.url)
        assert granted(await ask_everywhere(store)) == len(OF)
        await store.close()
        with pytest.raises(StoreError, match="refused the login") as refused:
            await started(cluster.url.replace(PASSWORD, "not-the-password"))
        assert refused.value.kind == "wrongpass"
        assert "not-the" not in str(refused.value)


async def test_a_changed_password_file_is_read_at_the_next_login(tmp_path: Path) -> None:
    """By the links and by the survey, without a restart."""
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    with running_cluster(primaries=2, replicas=0, password=PASSWORD) as cluster:
        url = cluster.url.replace(f":{PASSWORD}@", "")
        store = await started(url, replace(PATIENT, password_file=file))
        file.write_text("the-next-one\n")
        for node in cluster.nodes:
            with node.server.client() as client:
                client.config_set("requirepass", "the-next-one")
                client.execute_command("AUTH", "the-next-one")
                client.client_kill_filter(_type="normal", skipme=True)
        await until(lambda: store.reconnects == 2 and store.connected)
        assert granted(await ask_everywhere(store)) == len(OF)
        await store.close()


@pytest.mark.parametrize("redirected", [False, True])
async def test_the_documented_rights_are_enough(redirected: bool) -> None:
    """To find the slots, to count, and to follow a slot that is moving."""
    with running_cluster(primaries=2, replicas=0) as cluster:
        for node in cluster.nodes:
            node.ask(*documented())
        store = await started(cluster.url.replace("//", f"//quotad:{PASSWORD}@"))
        assert granted(await ask_everywhere(store)) == len(OF)
        if redirected:
            source = cluster.owner(cluster.slot(OF[0]))
            target = next(node for node in cluster.nodes if node is not source)
            migration = Migration(cluster, cluster.slot(OF[0]), target)
            migration.begin()
            migration.move()
            assert granted(await ask_everywhere(store, 2)) == len(OF)
            assert store.redirects == 1
        assert (await store.usage(OF))[0].day_charged == 1 + redirected
        assert not store.stats.errors
        await store.close()


async def test_a_right_that_is_missing_is_named() -> None:
    """Without CLUSTER SLOTS nobody knows where to count."""
    with running_cluster(primaries=1, replicas=0) as cluster:
        cluster.nodes[0].ask(*[word for word in documented() if word != "+cluster|slots"])
        with pytest.raises(StoreError, match="does not let this user ask for its slots") as refused:
            await started(cluster.url.replace("//", f"//quotad:{PASSWORD}@"))
        assert refused.value.kind == "noperm"


async def test_an_answer_waits_for_a_replica() -> None:
    """store.minReplicas holds on every node; where the replica is gone no call counts as answered."""
    with running_cluster(primaries=2, replicas=1) as cluster:
        store = await started(cluster.url, StoreConfig(deadline_s=1.0, min_replicas=1))
        assert granted(await ask_everywhere(store)) == len(OF)
        lame = cluster.owner(cluster.slot(OF[0]))
        cluster.replica(lame).server.kill()
        answers = await ask_everywhere(store, 2)
        for each, item in zip(OF, answers, strict=True):
            if cluster.owner(cluster.slot(each)) is lame:
                assert isinstance(item, StoreError)
                assert (item.kind, item.executed) == ("unreplicated", None)
            else:
                assert isinstance(item, Answer)
        # What changes nothing needs no replica.
        assert len(await store.usage(OF)) == len(OF)
        await store.close()


def secure(cluster: Cluster, port: str) -> str:
    """The URL of the nodes' TLS ports."""
    with_tls = []
    for node in cluster.nodes:
        with node.server.client() as client:
            with_tls.append(f"127.0.0.1:{client.config_get(port)[port]}")
    return "rediss+cluster://" + ",".join(with_tls)


@pytest.mark.debian
async def test_everything_goes_over_tls(tmp_path: Path) -> None:
    """Survey and links; the nodes name their TLS ports; a foreign authority is refused."""
    authority = Authority(tmp_path)
    certificate, key = authority.issue("node")
    files = ("--tls-ca-cert-file", str(authority.certificate), "--tls-cert-file", str(certificate))
    extra = (*files, "--tls-key-file", str(key), "--tls-auth-clients", "no", "--tls-cluster", "yes")
    with running_cluster(
        "redis", primaries=2, replicas=0, extra=extra, each=lambda: ("--tls-port", str(free_port()))
    ) as cluster:
        url = secure(cluster, "tls-port")
        store = await started(f"{url}?ssl_ca_certs={authority.certificate}")
        assert granted(await ask_everywhere(store)) == len(OF)
        assert store.redirects == 0
        await store.close()
        with pytest.raises(StoreError, match="no TLS") as refused:
            await started(url)
        assert (refused.value.kind, refused.value.executed) == ("tls", False)
    assert asyncio.all_tasks() == {asyncio.current_task()}
