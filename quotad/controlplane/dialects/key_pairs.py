"""Admins' key pairs: those of the configuration, and those of the control records (``type: keyPair``)."""

from collections.abc import Iterable

from quotad.catalog.vault import Vault
from quotad.config.admin_model import AdminKeyPair
from quotad.controlplane.dialects.signed import KeyPair, KeyPairs
from quotad.controlplane.operations import Operations


class ConfiguredKeyPairs:
    """Finds those that stand in the file, else those of ``others``."""

    def __init__(self, pairs: Iterable[AdminKeyPair], others: KeyPairs | None = None) -> None:
        self._pairs = {pair.key_id: KeyPair(pair.key, pair.role, pair.name) for pair in pairs}
        self._others = others

    async def key_pair(self, key_id: str) -> KeyPair | None:
        """See ``KeyPairs``."""
        found = self._pairs.get(key_id)
        if found is None and self._others is not None:
            found = await self._others.key_pair(key_id)
        return found


class StoredKeyPairs:
    """Finds those of the control records by their ids."""

    def __init__(self, operations: Operations, vault: Vault) -> None:
        self._operations = operations
        self._vault = vault

    async def key_pair(self, key_id: str) -> KeyPair | None:
        """One that is enabled and has not expired. Raises StoreError, and VaultError when it is not ours."""
        state = await self._operations.state()
        record = state.replica.credential(key_id)
        if record is None or record.get("type") != "keyPair" or not record.get("enabled", True):
            return None
        expires_us = record.get("expires")
        if expires_us is not None and expires_us <= state.now_us:
            return None
        key = self._vault.open(key_id, record["secretKey"])
        return KeyPair(key, str(record["role"]), str(record["name"]))
