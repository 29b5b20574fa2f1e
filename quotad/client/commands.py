"""``quotad call`` and ``quotad sign``."""

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from quotad.client.caller import Client, Header, KeyPair, Reply, curl_line, parse_header
from quotad.client.signing import Unsigned, strong_headers
from quotad.clock import wall_s
from quotad.errors import QuotadError

_SHORT = ("RateLimit", "Retry-After")
"""What a line has room for when there are many."""


@dataclass(frozen=True, slots=True)
class CallOptions:
    """What ``quotad call`` was asked to do."""

    url: str
    pair: KeyPair | None = None
    algorithm: str = ""
    """Of the signature; empty: the key pair itself is sent."""
    method: str = "GET"
    data: str | None = None
    """``@file`` reads a file."""
    headers: tuple[str, ...] = ()
    count: int = 1
    all_headers: bool = False
    strong: bool = False
    """Sign the whole request (RFC 9421)."""


def call(options: CallOptions) -> int:
    """Send the request ``count`` times on one connection and print each answer. Raises QuotadError."""
    client = Client(options.url)
    extra = [parse_header(text) for text in options.headers]
    body = None if options.data is None else _body(options.data)
    seen: Counter[int] = Counter()
    try:
        for number in range(1, options.count + 1):
            headers = _credentials(options, extra, body)
            reply = client.request(options.method, headers=headers, body=body)
            seen[reply.status] += 1
            if options.count == 1:
                _print_whole(reply, all_headers=options.all_headers)
            else:
                told = [(name, reply.header(name)) for name in _SHORT]
                limits = "".join(f"  {name}: {value}" for name, value in told if value)
                print(f"{number:4d}  {reply.status} {reply.reason}{limits}", flush=True)
    finally:
        client.close()
    if options.count > 1:
        print("sum:  " + ", ".join(f"{count} x {status}" for status, count in sorted(seen.items())))
    return 0


def sign(pair: KeyPair, algorithm: str, headers: tuple[str, ...], curl_url: str | None) -> int:
    """Print signed header lines, or a curl line that sends them."""
    signed = pair.signed(wall_s(), algorithm, [parse_header(text) for text in headers])
    if curl_url is not None:
        print(curl_line(curl_url, signed))
        return 0
    for name, value in signed:
        print(f"{name}: {value}")
    return 0


def read_key(path: Path) -> str:
    """The SecretKey in a file. Raises QuotadError, which never quotes the content."""
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a key"
        raise QuotadError(f"{path}: {reason}") from None


def sign_strongly(pair: KeyPair, request: Unsigned) -> int:
    """Print a curl line that sends the request, signed as a whole. Raises QuotadError."""
    signed = strong_headers(pair, request, wall_s())
    print(curl_line(request.url, signed, request.method, request.body))
    return 0


def _credentials(options: CallOptions, extra: list[Header], body: bytes | None) -> list[Header]:
    if options.pair is None:
        return extra
    if options.strong:
        request = Unsigned(options.method, options.url, body, tuple(extra))
        return strong_headers(options.pair, request, wall_s())
    if options.algorithm:
        return options.pair.signed(wall_s(), options.algorithm, extra)
    return [*options.pair.headers(), *extra]


def _body(data: str) -> bytes:
    if not data.startswith("@"):
        return data.encode()
    try:
        return Path(data[1:]).read_bytes()
    except OSError as error:
        raise QuotadError(f"{data[1:]}: {error.strerror}") from error


def _print_whole(reply: Reply, *, all_headers: bool) -> None:
    print(f"HTTP/1.1 {reply.status} {reply.reason}")
    for name, value in reply.headers if all_headers else reply.limit_headers():
        print(f"{name}: {value}")
    print(flush=True)
    sys.stdout.buffer.write(reply.body)
    if reply.body and not reply.body.endswith(b"\n"):
        sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()
