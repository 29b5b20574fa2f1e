import asyncio
from pathlib import Path

import pytest

from quotad.demo.backend import Backend
from quotad.demo.check import Check, Scene, usage_rows
from quotad.demo.lines import Line
from quotad.demo.setup import prepare
from quotad.errors import QuotadError
from tests.support.echo import echo


async def test_what_enforces_nothing_fails(tmp_path: Path) -> None:
    """Run against something that is not quotad, the check says FAIL and ends; it does not raise."""
    said: list[str] = []
    lines = [
        Line("right", "echo 'HTTP/1.1 200 OK'", "200", (200,), "trial"),
        Line("wrong", "echo 'HTTP/1.1 500 no'", "401", (401,), ""),
        Line("silent", "true", "200", (200,), "trial"),
        Line("many", "printf '   1  200 OK\\n   2  429 no\\n   3  200 OK\\n'", "both", (200, 429), ""),
    ]
    async with echo() as url:
        place = url.removeprefix("http://")
        addresses = {"listen": place, "admin": place, "telemetry": place}
        scene = Scene(prepare(tmp_path, keep=False), addresses, Backend(), lines, said.append)
        assert await asyncio.to_thread(Check(scene).run) is False
    assert said[0] == "ok    right: 200"
    assert said[1].startswith("FAIL  wrong: 401: (500,), expected (401,)")
    assert said[2].startswith("FAIL  silent")
    assert said[3].startswith("ok    many")
    assert said[-1].endswith("checks FAILED")


async def test_usage_that_cannot_be_read_is_an_error() -> None:
    """An admin port that answers anything but 200 is named with its status."""
    async with echo() as url:
        with pytest.raises(QuotadError, match="answered 418"):
            await asyncio.to_thread(usage_rows, url)
