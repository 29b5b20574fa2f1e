import json
from typing import Any

import pytest

from quotad.telemetry import log_line
from quotad.telemetry.log_line import LineMaker, shown_path
from tests.support.samples import SERVICE, SHARED, outcome


def wall() -> float:
    """The time of day when ``monotonic`` is."""
    return 1_795_000_123.9996


def monotonic() -> float:
    """When the sample request ended."""
    return 100.002


@pytest.fixture
def maker() -> LineMaker:
    """A maker at a known time."""
    made = LineMaker(wall, monotonic)
    made.begin()
    return made


def parsed(text: str) -> dict[str, Any]:
    """The members of what must be one line."""
    assert text.endswith("\n")
    assert text.count("\n") == 1
    assert text.isascii()
    members: dict[str, Any] = json.loads(text)
    return members


def test_every_member(maker: LineMaker) -> None:
    """A line has all members in the documented order, units in their names."""
    ended = outcome()
    ended.request_id, ended.client, ended.host = "id-1", "10.0.0.1", "api.example"
    ended.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    ended.target, ended.upstream, ended.store_s = "/v1/x?key=secret", "127.0.0.1:9", 0.0005
    ended.bytes_in, ended.bytes_out, ended.shadow_limit = 10, 20, "admitted"
    members = parsed(maker.line(ended))
    assert members == {
        "time": "2026-11-18T11:08:43.999Z",
        "requestId": "id-1",
        "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
        "client": "10.0.0.1",
        "method": "GET",
        "host": "api.example",
        "path": "/v1/x",
        "status": 200,
        "reason": "",
        "limit": "",
        "serviceId": SERVICE.service_id,
        "environment": "release",
        "apiId": "",
        "usagePlanId": SHARED.usage_plan_id,
        "secretId": "AKIDa",
        "counted": True,
        "shadowLimit": "admitted",
        "upstream": "127.0.0.1:9",
        "durationUs": members["durationUs"],
        "upstreamUs": 1000,
        "storeUs": 500,
        "bytesIn": 10,
        "bytesOut": 20,
    }
    assert members["durationUs"] in (1999, 2000)
    assert ", ".join(members) in " ".join((log_line.__doc__ or "").replace("`", "").split())


@pytest.mark.parametrize(("counted", "shown"), [(None, None), (True, True), (False, False)])
def test_counted_has_three_values(maker: LineMaker, counted: bool | None, shown: bool | None) -> None:
    """Used, not used, and never admitted are told apart."""
    ended = outcome()
    ended.counted = counted
    assert parsed(maker.line(ended))["counted"] is shown


def test_what_a_caller_sent_cannot_break_a_line(maker: LineMaker) -> None:
    """Line ends, quotes, control and surrogate characters stay inside their JSON string, cut to a bound."""
    ended = outcome()
    hostile = '"\r\n\x00\x1b[31m\u2028\udcff{}%s'
    ended.target = "/" + hostile + "p" * 9000
    ended.host = hostile + "h" * 900
    ended.method = hostile + "M" * 900
    ended.client = hostile
    members = parsed(maker.line(ended))
    assert members["path"].startswith("/" + hostile)
    assert len(members["path"]) == log_line.PATH_LENGTH
    assert len(members["host"]) == log_line.HOST_LENGTH
    assert len(members["method"]) == log_line.METHOD_LENGTH


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/a/b", "/a/b"),
        ("/a?token=x", "/a"),
        ("/?token=x", "/"),
        ("/a#token", "/a"),
        ("*", "*"),
        ("http://user:password@host/a?b", "/a"),
        ("http://host", "/"),
        ("host:443", "-"),
        ("://x", "-"),
        ("", "-"),
    ],
)
def test_only_the_path_is_shown(target: str, path: str) -> None:
    """A query, a fragment and an authority may hold secrets: they are never shown."""
    assert shown_path(target) == path


def test_remembered_pieces_are_bounded(maker: LineMaker) -> None:
    """Many different callers do not make the memory of pieces grow without bound."""
    for number in range(3 * log_line._KNOWN_CAP):
        ended = outcome()
        ended.client = str(number)
        ended.upstream = str(number)
        maker.line(ended)
        if number % 128 == 0:
            maker.begin()
    assert len(maker._callers) <= log_line._KNOWN_CAP + 128
    assert len(maker._ends) <= log_line._KNOWN_CAP + 128
