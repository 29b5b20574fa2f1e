"""Requests with strong signatures, made by the client's own signer or with one thing wrong."""

import base64
import hmac
from collections.abc import Sequence

from quotad.client.caller import KeyPair
from quotad.client.signing import Unsigned, strong_headers
from quotad.clock import wall_s
from quotad.core.signature import Message
from tests.support.rawhttp import SECRET_ID, SECRET_KEY

PAIR = KeyPair(SECRET_ID, SECRET_KEY)
HOST = "example.test"


def signed_request(
    method: str = "GET",
    target: str = "/",
    body: bytes | None = None,
    *,
    nonce: str = "",
    sent: bytes | None = None,
    pair: KeyPair = PAIR,
) -> bytes:
    """A whole request, signed now; ``sent`` is the body that goes out, if not the one that was signed."""
    unsigned = Unsigned(method, f"http://{HOST}{target}", body)
    lines = "".join(f"{name}: {value}\r\n" for name, value in strong_headers(pair, unsigned, wall_s(), nonce))
    sent = body if sent is None else sent
    length = b"" if sent is None else b"Content-Length: %d\r\n" % len(sent)
    first = f"{method} {target} HTTP/1.1\r\nHost: {HOST}\r\n".encode()
    return b"%b%b%b\r\n%b" % (first, lines.encode(), length, sent or b"")


def signed_message(
    covered: str,
    parameters: str,
    *,
    key: bytes,
    values: Sequence[tuple[str, bytes]],
    message: Message,
    label: str = "sig",
) -> Message:
    """``message`` with a signature over ``values``, (identifier, value) each, whatever they are worth."""
    said = f"({covered}){parameters}"
    lines = [b"%b: %b" % (name.encode(), value) for name, value in values]
    base = b"\n".join([*lines, f'"@signature-params": {said}'.encode()])
    made = base64.b64encode(hmac.digest(key, base, "sha256")).decode()
    more = ((b"signature-input", f"{label}={said}".encode()), (b"signature", f"{label}=:{made}:".encode()))
    return message._replace(pairs=(*message.pairs, *more))
