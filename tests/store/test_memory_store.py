import pytest

from quotad.core.reference import Reference
from quotad.store.interface import Store
from quotad.store.memory_store import MemoryStore
from tests.store.contract import Damage, StoreContract

NOW_US = 1_795_000_000_000_000


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def reference(self) -> Reference:
        """The counters both Sidecars share."""
        return Reference()

    @pytest.fixture
    def memory(self, reference: Reference) -> MemoryStore:
        """The first Sidecar's store."""
        return MemoryStore(reference, lambda: NOW_US, b"sidecar1")

    @pytest.fixture
    def store(self, memory: MemoryStore) -> Store:
        """As the suite asks."""
        return memory

    @pytest.fixture
    def other(self, reference: Reference) -> Store:
        """As the suite asks."""
        return MemoryStore(reference, lambda: NOW_US, b"sidecar2")

    @pytest.fixture
    def damage(self, memory: MemoryStore) -> Damage:
        """As the suite asks."""
        return lambda subject: memory.damaged.add(subject.tag)

    async def test_it_needs_no_start_and_no_close(self, memory: MemoryStore) -> None:
        """Its verbs for a connection do nothing, and its time is the clock's."""
        await memory.start()
        await memory.close()
        assert memory.now_us() == NOW_US
