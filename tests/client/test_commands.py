import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from quotad.client.caller import KeyPair
from quotad.client.commands import CallOptions, call, read_key, sign
from quotad.errors import QuotadError
from tests.support.echo import echo

PAIR = KeyPair("AKIDexample", "secretexample")


def test_sign_prints_headers(capsys: pytest.CaptureFixture[str]) -> None:
    """Date first, what was added, then the Authorization that names both."""
    assert sign(PAIR, "hmac-sha512", ("Source: app",), None) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["Date", "Source", "Authorization"]
    assert 'algorithm="hmac-sha512", headers="date source"' in lines[2]


def test_sign_prints_a_curl_line(capsys: pytest.CaptureFixture[str]) -> None:
    """One line for a shell, ending with the URL."""
    sign(PAIR, "hmac-sha256", (), "http://x/y")
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("curl -i -H 'Date: ")
    assert line.endswith(" http://x/y")


def test_a_key_file_is_read(tmp_path: Path) -> None:
    """The newline at its end is no part of the key."""
    path = tmp_path / "key"
    path.write_text("secretexample\n")
    assert read_key(path) == "secretexample"


def test_a_bad_key_file_is_named_and_not_quoted(tmp_path: Path) -> None:
    """Errors name the file; its content stays out."""
    path = tmp_path / "key"
    with pytest.raises(QuotadError, match="No such file"):
        read_key(path)
    path.write_bytes(b"secret\xff")
    with pytest.raises(QuotadError, match="not a key") as caught:
        read_key(path)
    assert "secret" not in str(caught.value)


class Output:
    """What a call printed."""

    def __init__(self, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
        self._captured = capsysbinary

    async def of(self, options: CallOptions) -> str:
        """Call an echo server with these options, whose URL is only a path."""
        async with echo() as url:
            whole = replace(options, url=url + options.url)
            assert await asyncio.to_thread(call, whole) == 0
        return self._captured.readouterr().out.decode()


@pytest.fixture
def output(capsysbinary: pytest.CaptureFixture[bytes]) -> Output:
    """Runs calls and answers what they printed."""
    return Output(capsysbinary)


async def test_one_call(output: Output) -> None:
    """Status line, headers about limits, a blank line, the body."""
    text = await output.of(CallOptions("/a"))
    assert text == "HTTP/1.1 418 I'm a Teapot\nRateLimit: r\n\nGET /a None 0\n"


async def test_all_headers(output: Output) -> None:
    """With -i every header is printed."""
    assert "X-Other: o\n" in await output.of(CallOptions("/", all_headers=True))


async def test_many_calls(output: Output) -> None:
    """One numbered line per answer, and the sum by status."""
    lines = (await output.of(CallOptions("/", count=3))).splitlines()
    assert [line.split()[:2] for line in lines] == [["1", "418"], ["2", "418"], ["3", "418"], ["sum:", "3"]]
    assert lines[-1] == "sum:  3 x 418"


async def test_data_and_method(output: Output, tmp_path: Path) -> None:
    """A body comes from the command line or from a file."""
    assert "PUT / 1 3" in await output.of(CallOptions("/", method="PUT", data="abc", headers=("X-A: 1",)))
    path = tmp_path / "body"
    path.write_bytes(b"12345678")
    assert "POST / None 8" in await output.of(CallOptions("/", method="POST", data=f"@{path}"))


def test_a_missing_body_file_is_named() -> None:
    """A body that cannot be read is an error before anything is sent."""
    with pytest.raises(QuotadError, match="No such file"):
        call(CallOptions("http://127.0.0.1:9/", data="@/nowhere/at/all"))
