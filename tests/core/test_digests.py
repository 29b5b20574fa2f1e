from base64 import b64encode
from hashlib import md5, sha256, sha512
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotad.core.digests import BodyDigest, read_content_digest
from tests.support.properties import examples


def said(name: str, digest: bytes) -> bytes:
    """One member of a Content-Digest."""
    return f"{name}=:{b64encode(digest).decode()}:".encode()


BODY = b'{"hello": "world"}'


def test_known_answers() -> None:
    """The digests of RFC 9421, appendix B.2, and RFC 9530, appendix B, are read and hold."""
    found = read_content_digest(
        [
            b"sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:",
            b"sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:",
        ]
    )
    assert list(found) == ["sha-512", "sha-256"]
    digest = BodyDigest(found)
    digest.update(BODY)
    assert digest.matches()


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5), st.booleans())
@examples(100)
def test_in_whatever_pieces(body: bytes, cuts: list[int], wrong: bool) -> None:
    """How a body is cut makes no difference; one byte more does."""
    digest = BodyDigest({"sha-256": sha256(body).digest(), "sha-512": sha512(body).digest()})
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    for start, end in pairwise(places):
        digest.update(body[start:end])
    if wrong:
        digest.update(b"!")
    assert digest.matches() is not wrong


def test_each_digest_must_match() -> None:
    """One right digest does not save a wrong one beside it."""
    digest = BodyDigest({"sha-256": sha256(BODY).digest(), "sha-512": sha512(b"another").digest()})
    digest.update(BODY)
    assert not digest.matches()


def test_what_is_not_checked_is_left_out() -> None:
    """Broken and unknown algorithms are not looked at where there is a sound one."""
    sound = sha256(BODY).digest()
    found = read_content_digest(
        [said("md5", md5(BODY, usedforsecurity=False).digest()), said("sha-256", sound)]
    )
    assert found == {"sha-256": sound}


@pytest.mark.parametrize(
    "values",
    [
        [],
        [b""],
        [said("md5", bytes(16))],
        [said("sha-256", bytes(31))],
        [b"sha-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="],
        [b'sha-256="X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="'],
        [b"sha-256=(:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:)"],
        [said("sha-256", bytes(32)), said("sha-256", bytes(32))],
        [said("sha-256", bytes(32)), b"\xff"],
        [said("sha-256", bytes(32)), b"unixsum=30637"],
    ],
)
def test_what_is_no_content_digest(values: list[bytes]) -> None:
    """Without a sound digest, or with anything malformed, there is nothing to hold a body to."""
    with pytest.raises(ValueError):
        read_content_digest(values)
