"""Admins' key pairs as the control records have them: kind ``credential``, type ``keyPair``."""

from quotad.catalog.vault import Vault
from quotad.controlplane.dialects.signed import KeyPair
from quotad.controlplane.operations import Operations


class StoredKeyPairs:
    """Finds them by their ids."""

    def __init__(self, operations: Operations, vault: Vault) -> None:
        self._operations = operations
        self._vault = vault

    async def key_pair(self, key_id: str) -> KeyPair | None:
        """One that is enabled and has not expired. Raises StoreError, and VaultError when it is not ours."""
        now_us = await self._operations.now_us()
        record = (await self._operations.records()).credential(key_id)
        if record is None or record.get("type") != "keyPair" or not record.get("enabled", True):
            return None
        expires_us = record.get("expires")
        if expires_us is not None and expires_us <= now_us:
            return None
        key = self._vault.open(key_id, record["secretKey"])
        return KeyPair(key, str(record["role"]), str(record["name"]))
