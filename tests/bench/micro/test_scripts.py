"""Script calls as the bench makes them, on a real server."""

from collections.abc import Iterator

import pytest

from bench.micro.scripts import CASES, Server, Sidecar, texts_of
from tests.support.servers import StoreServer, running_server


@pytest.fixture(scope="module")
def store() -> Iterator[StoreServer]:
    """A server of its own, since the bench's Subjects are in nobody's way there."""
    with running_server("valkey", unix=True) as server:
        yield server


@pytest.mark.parametrize("name", CASES)
def test_every_case_is_decided(store: StoreServer, name: str) -> None:
    """Again and again, each call with what became of the last; its CPU is a number above 0."""
    assert store.path is not None
    server = Server(name, store.pid, store.path)
    server.load(texts_of(None))
    sidecar = Sidecar(server, CASES[name], list(CASES).index(name))
    for _ in range(2):
        sidecar.measure(20)
    server.close()
    assert min(sidecar.cpu_us) > 0
