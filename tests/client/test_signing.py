import asyncio
import re
import shlex
from typing import Any

import pytest
from http_message_signatures import (
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    InvalidSignature,
    algorithms,
)

from quotad.client.caller import Header, KeyPair
from quotad.client.commands import CallOptions, call, sign_strongly
from quotad.client.signing import Unsigned, strong_headers
from quotad.clock import wall_s
from quotad.config.model import SignatureRules
from quotad.core.credentials import AuthRefusal
from quotad.core.plans import Secret
from quotad.core.signature import Message, Proof, verify
from quotad.errors import QuotadError
from tests.support.backends import running_backend

PAIR = KeyPair("AKIDexample", "secretexample")
SECRETS = {"AKIDexample": Secret("example", "AKIDexample", b"secretexample")}
NOW_S = 1_700_000_000.0


def understood(
    unsigned: Unsigned, headers: list[Header], authority: bytes, target: bytes
) -> Proof | AuthRefusal:
    """What the server makes of it."""
    pairs = tuple((name.lower().encode(), value.strip().encode()) for name, value in headers)
    scheme = unsigned.url.partition(":")[0]
    message = Message(
        unsigned.method.encode(), target, authority, scheme, False, unsigned.body is not None, pairs
    )
    return verify(message, SECRETS, SignatureRules(), NOW_S)


@pytest.mark.parametrize(
    ("url", "authority", "target"),
    [
        ("http://Example.test/a?b=%2f", b"example.test", b"/a?b=%2f"),
        ("http://example.test:80", b"example.test:80", b"/"),
        ("https://u:p@example.test:8443/?", b"example.test:8443", b"/"),
        ("https://example.test:443/a//b#c", b"example.test", b"/a//b"),
        ("http://[::1]:81/", b"[::1]:81", b"/"),
    ],
)
@pytest.mark.parametrize("body", [None, b"", b"some bytes"])
def test_the_server_understands(url: str, authority: bytes, target: bytes, body: bytes | None) -> None:
    """What is signed here is proven there, for every form of URL, with and without a body."""
    unsigned = Unsigned("POST", url, body, (("X-Extra", " 1 "),))
    found = understood(unsigned, strong_headers(PAIR, unsigned, NOW_S), authority, target)
    assert isinstance(found, Proof)
    assert bool(found.digests) is (body is not None)


def test_each_is_new() -> None:
    """Signed twice, the same request has two nonces; a given one is kept."""
    unsigned = Unsigned("GET", "http://example.test/")
    found = [
        understood(unsigned, strong_headers(PAIR, unsigned, NOW_S), b"example.test", b"/") for _ in range(2)
    ]
    assert len({proof.nonce for proof in found if isinstance(proof, Proof)}) == 2
    given = understood(unsigned, strong_headers(PAIR, unsigned, NOW_S, "mine"), b"example.test", b"/")
    assert isinstance(given, Proof)
    assert given.nonce == b"mine"


class OneKey(HTTPSignatureKeyResolver):
    """The other implementation's way to the key."""

    def resolve_private_key(self, key_id: str) -> Any:
        raise KeyError(key_id)

    def resolve_public_key(self, key_id: str) -> Any:
        return {"AKIDexample": b"secretexample"}[key_id]


class Request:
    """What the other implementation verifies."""

    def __init__(self, unsigned: Unsigned, headers: list[Header]) -> None:
        self.method = unsigned.method
        self.url = unsigned.url
        self.headers = dict(headers)
        self.body = unsigned.body


@pytest.mark.parametrize("digest", ["sha-256", "sha-512"])
def test_another_verifier_understands(digest: str) -> None:
    """http-message-signatures (PyPI) takes what is signed here, and nothing else for it."""
    unsigned = Unsigned("POST", "https://example.test/a/b?c=d", b"body", (("X-Extra", "1"),))
    headers = strong_headers(PAIR, unsigned, wall_s(), digest=digest)
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=OneKey())
    (found,) = verifier.verify(Request(unsigned, headers), expect_tag="quotad")
    assert found.parameters["keyid"] == "AKIDexample"
    wrong = Request(unsigned, [(name, "2" if name == "X-Extra" else value) for name, value in headers])
    with pytest.raises(InvalidSignature):
        verifier.verify(wrong, expect_tag="quotad")


@pytest.mark.parametrize("url", ["ftp://example.test/", "/a", "http://", "http://example.test:port/"])
def test_what_is_no_url(url: str) -> None:
    """It is named in the error."""
    with pytest.raises(QuotadError, match=re.escape(url)):
        strong_headers(PAIR, Unsigned("GET", url), NOW_S)


async def test_a_call_is_signed() -> None:
    """``quotad call --strong`` sends the signature, and not the key."""
    async with running_backend() as backend:
        url = f"http://127.0.0.1:{backend.port}/a?b"
        assert (
            await asyncio.to_thread(call, CallOptions(url, PAIR, method="POST", data="some", strong=True))
            == 0
        )
    (seen,) = backend.seen
    assert seen.values(b"signature-input")[0].startswith(b'quotad=("@method" "@authority" "@path" "@query"')
    assert seen.values(b"content-digest")[0].startswith(b"sha-256=:")
    assert b"secretexample" not in seen.head


def test_a_curl_line(capsys: pytest.CaptureFixture[str]) -> None:
    """``quotad sign --strong`` prints what sends the signed request, body and all."""
    assert sign_strongly(PAIR, Unsigned("PUT", "http://example.test/", b"it's")) == 0
    (line,) = capsys.readouterr().out.splitlines()
    words = shlex.split(line)
    assert words[:4] == ["curl", "-i", "-X", "PUT"]
    assert words[-3:] == ["--data-raw", "it's", "http://example.test/"]
    assert any(word.startswith("Signature: quotad=:") for word in words)
