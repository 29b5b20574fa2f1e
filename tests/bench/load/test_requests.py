"""What the load tool sends."""

from pathlib import Path

import httptools

from bench import callers
from bench.load.requests import request, write


class Heard:
    """What a parser found."""

    def __init__(self) -> None:
        self.headers: dict[bytes, bytes] = {}
        self.body = b""

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name] = value

    def on_body(self, body: bytes) -> None:
        self.body += body


def test_a_request_is_one_that_a_server_reads() -> None:
    """Line, Host, key pair, and a body of the length that is said."""
    (caller,) = callers.make(1)
    heard = Heard()
    parser = httptools.HttpRequestParser(heard)
    parser.feed_data(request(caller, path="/x?y=1", body=b"m" * 10))
    assert parser.get_method() == b"POST"
    assert heard.headers[b"X-Secret-Id"] == caller.secret_id.encode()
    assert heard.headers[b"Host"]
    assert heard.body == b"m" * 10


def test_each_is_ended_by_a_nul(tmp_path: Path) -> None:
    """So that a file of them falls apart into what was written."""
    asked = [request(caller) for caller in callers.make(3)]
    assert write(tmp_path / "requests", asked).read_bytes().split(b"\0") == [*asked, b""]
    assert not any(b"\0" in each for each in asked)
