"""SecretKeys at rest: AES-256-GCM under master keys that only processes of quotad are given.

What is sealed says which master key opens it and is bound to its Secret and field: copied into another
record it does not open. Several master keys make a rotation: the first seals, all of them open.

What it works with is ``cryptography``, 8 MB: imported by a process that seals or opens, when it first does.
"""

import os
from base64 import urlsafe_b64encode
from binascii import a2b_base64
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final

from quotad.errors import QuotadError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
"""Random for each sealing (NIST SP 800-38D, 8.2.2): good for 2^32 sealings under one master key."""

KEY_FIELD: Final = "secretKey"
PREVIOUS_FIELD: Final = "previousKey"
SECONDARY_FIELD: Final = "secondaryKey"
SECONDARY_PREVIOUS_FIELD: Final = "secondaryPreviousKey"
"""Fields of a Secret that are sealed."""

SEALED_FIELDS: Final = (KEY_FIELD, PREVIOUS_FIELD, SECONDARY_FIELD, SECONDARY_PREVIOUS_FIELD)
UNTIL_FIELDS: Final = {PREVIOUS_FIELD: "previousUntil", SECONDARY_PREVIOUS_FIELD: "secondaryPreviousUntil"}
"""When what is sealed there ends, in microseconds since the epoch."""


_NONCE_LENGTH: Final = NONCE_BYTES * 4 // 3


class VaultError(QuotadError):
    """Something sealed cannot be opened: the text says why, and nothing of what is in it."""


class Vault:
    """Seals and opens."""

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        """``keys``: ids and ``KEY_BYTES`` of each; the first one seals. Raises ValueError."""
        if not keys or len({key_id for key_id, _ in keys}) != len(keys):
            raise ValueError("one or several master keys, each with an id of its own")
        if any(len(key) != KEY_BYTES for _, key in keys):
            raise ValueError(f"a master key has {KEY_BYTES} bytes")
        self._keys = tuple(keys)
        self._current = keys[0][0]

    def prepare(self) -> None:
        """Import now what it works with: whoever serves callers cannot wait tens of ms at the first key."""
        _ = self._ciphers

    @cached_property
    def _ciphers(self) -> "dict[str, AESGCM]":
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return {key_id: AESGCM(key) for key_id, key in self._keys}

    def seal(self, secret_id: str, text: bytes, field: str = KEY_FIELD) -> str:
        """``keyId.nonce.ciphertext``, the latter two in base64url without padding."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[self._current].encrypt(nonce, text, _bound_to(secret_id, field))
        return f"{self._current}.{_encoded(nonce)}.{_encoded(sealed)}"

    def open(self, secret_id: str, sealed: str, field: str = KEY_FIELD) -> bytes:
        """What was sealed for this Secret and field. Raises VaultError."""
        key_id, _, rest = sealed.partition(".")
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise VaultError("it is sealed under a master key that is not among those configured")
        if rest.find(".") != _NONCE_LENGTH:
            raise VaultError("it was changed, or sealed for something else")
        try:
            # The nonce fills its base64, and the dot is passed over, so both parts are decoded in one go:
            # 100,000 are opened at a start.
            content = _decoded(rest)
            return cipher.decrypt(content[:NONCE_BYTES], content[NONCE_BYTES:], _bound_to(secret_id, field))
        except (_changed(), ValueError):
            raise VaultError("it was changed, or sealed for something else") from None

    def is_current(self, sealed: str) -> bool:
        """Whether it is sealed under the first master key."""
        return sealed.partition(".")[0] == self._current


def _changed() -> type[Exception]:
    """What a cipher raises."""
    from cryptography.exceptions import InvalidTag

    return InvalidTag


def _bound_to(secret_id: str, field: str) -> bytes:
    return f"quotad:secret:{secret_id}:{field}".encode()


def _encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def _decoded(text: str) -> bytes:
    """Raises ValueError. What is no base64 is passed over: the seal tells what was changed."""
    return a2b_base64(text.replace("-", "+").replace("_", "/") + "==")
