"""What a body must be by its Content-Digest (RFC 9530), checked piece by piece."""

import hmac
from collections.abc import Sequence
from hashlib import sha256, sha512

from quotad.core.structured import Item, parse_dictionary

_ALGORITHMS = {"sha-256": sha256, "sha-512": sha512}
"""Section 5: the others are broken, or no digests at all; what they say is not looked at."""


class BodyDigest:
    """Takes a body as it passes; ``matches`` once all of it has."""

    __slots__ = ("_expected", "_hashes")

    def __init__(self, expected: dict[str, bytes]) -> None:
        """``expected``: by algorithm, as ``read_content_digest`` answers it."""
        self._hashes = [_ALGORITHMS[name]() for name in expected]
        self._expected = list(expected.values())

    def update(self, data: bytes) -> None:
        """The next bytes of the content, without transfer coding."""
        for each in self._hashes:
            each.update(data)

    def matches(self) -> bool:
        """Whether what was taken is what was announced, by every digest of it."""
        return all(
            hmac.compare_digest(each.digest(), wanted)
            for each, wanted in zip(self._hashes, self._expected, strict=True)
        )


def read_content_digest(values: Sequence[bytes]) -> dict[str, bytes]:
    """The digests in a Content-Digest field (its lines) that can be checked: ``sha-256``, ``sha-512``.

    Raises ValueError when the field is no Dictionary of Byte Sequences, or says nothing to be checked.
    """
    found: dict[str, bytes] = {}
    for name, member in parse_dictionary(b", ".join(values).decode("ascii")).items():
        if not isinstance(member, Item) or not isinstance(member.value, bytes):
            raise ValueError(f"{name} is no byte sequence")  # noqa: TRY004 - the field is wrong, not the call
        algorithm = _ALGORITHMS.get(name)
        if algorithm is None:
            continue
        if len(member.value) != algorithm().digest_size:
            raise ValueError(f"{name} has another length")
        found[name] = member.value
    if not found:
        raise ValueError("no sha-256 and no sha-512")
    return found
