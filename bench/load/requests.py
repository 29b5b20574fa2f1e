"""Whole requests, as the load tool sends them."""

from collections.abc import Iterable
from pathlib import Path

from bench.callers import Caller

COMMON = {"Host": "bench.example", "User-Agent": "bench", "Accept": "*/*"}
PATH = "/bench/items/42?unit=piece"


def request(caller: Caller, *, signed: bool = False, path: str = PATH, body: bytes = b"") -> bytes:
    """A GET of this caller; with a body a POST."""
    headers = COMMON | caller.headers(signed=signed)
    if body:
        headers |= {"Content-Length": str(len(body)), "Content-Type": "application/octet-stream"}
    lines = [
        f"{'POST' if body else 'GET'} {path} HTTP/1.1",
        *(f"{k}: {v}" for k, v in headers.items()),
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + body


def write(path: Path, requests: Iterable[bytes]) -> Path:
    """Into a file, each ended by a NUL; bodies may have none. Returns the path."""
    with path.open("wb") as file:
        file.writelines(each + b"\0" for each in requests)
    return path
