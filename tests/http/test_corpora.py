"""gunicorn's own request files: what it refuses is refused here, what it takes is taken and read alike.

A file is an exception only by its name, with the reason beside it: its own smaller bounds, its options.
"""

import re
from collections.abc import Iterator

import pytest

from quotad.config.model import Address, Listen
from tests.support.corpora import Case, gunicorn_cases
from tests.support.dataplane import LISTEN, route, running_plane
from tests.support.feeding import WAYS, feed, statuses
from tests.support.independent import Read, running_witness
from tests.support.rawhttp import get

LAST = get("/last", b"Connection: close\r\n")
PROXIED = Listen(Address("127.0.0.1", 0), proxy_protocol=True)

TAKEN = {
    "006": "a target of 4 KiB: ours may have 16",
    "007": "a field of 8 KiB: a whole head of ours may have 32",
    "008": "the same, of 12 KiB",
    "009": "106 fields: ours may be 128",
    "010": "a field of 10 bytes is too long only by an option of gunicorn's",
    "011": "two fields are too many only by an option of gunicorn's",
    "012": "a field of 98 bytes is too long only by an option of gunicorn's",
    "017": "a field of 8 KiB",
    "019": "X-Forwarded-Ssl is dropped: nobody is trusted to say it",
    "040": "the same bytes as the valid file of that name: the twin with `_` is dropped",
    "chunked_07": "the twin with `_` is dropped; refused by gunicorn only by an option",
    "limit_header_default_01": "a field of 8 KiB",
}
"""Invalid for gunicorn, and a request here."""

REFUSED = {
    "005": (400, "a fragment never travels (RFC 9112, section 3.2)"),
    "025": (501, "a coding besides chunked (RFC 9112, section 6.1)"),
    "025_line": (501, "the same in one line"),
    "029": (501, "the same, identity"),
    "030": (501, "the same, identity"),
    "031": (400, "a method that begins with a hyphen"),
    "099": (0, "unfinished: its body is shorter than its Content-Length"),
    "pp_03": (0, "no PROXY header, where each connection must have one"),
    "rfc9112_smuggle_gzip_chunked_01": (501, "a coding besides chunked"),
    "rfc9112_smuggle_te_identity_chunked_01": (501, "the same, identity"),
    "rfc9112_target_absolute_userinfo_01": (400, "user information (RFC 9110, section 4.2.4)"),
    "rfc9112_target_authority_connect_01": (501, "CONNECT"),
    "rfc9112_target_authority_ipv6_01": (501, "CONNECT"),
}
"""Valid for gunicorn without an option that makes it lenient, and refused here."""

UNFINISHED = ("099",)
"""Their connections end only with their callers."""

LENIENT = {
    "strip_header_spaces",
    "permit_unconventional_http_method",
    "permit_obsolete_folding",
    "header_map",
}
"""Options that make gunicorn less strict than it is by itself: a file that needs one proves nothing."""


async def served(case: Case, stream: bytes, way: str, *, ends: bool) -> tuple[list[int], list[Read]]:
    """What came back, and what a backend got."""
    listen = PROXIED if "proxy_protocol" in case.options else LISTEN
    async with running_witness() as witness, running_plane(route(witness.port), listen=listen) as plane:
        received = await feed(plane, stream, way, ends=ends and listen is LISTEN)
        assert witness.refused == []
        return statuses(received), [each for each in witness.requests if each.target != b"/last"]


def read_alike(case: Case, seen: list[Read]) -> Iterator[str]:
    """What the backend got of a valid file, against what gunicorn reads in it."""
    if len(seen) != len(case.requests):
        yield f"{len(seen)} requests for {len(case.requests)}"
    for got, said in zip(seen, case.requests, strict=False):
        target = re.sub("^https?://[^/]*", "", said["uri"])
        if (got.method.decode(), got.target.decode()) != (said["method"], target):
            yield f"{got.method!r} {got.target!r}"
        if got.body != (said["body"] or b""):
            yield f"body {got.body!r}"


@pytest.mark.parametrize("way", WAYS)
async def test_what_gunicorn_refuses(way: str) -> None:
    """Each of its invalid files is refused or never answered, and no backend gets anything of it."""
    wrong = {}
    for case in gunicorn_cases("invalid"):
        # As it is it may be refused for want of credentials or Host alone.
        answers, seen = await served(case, case.stream, way, ends=True)
        assert seen == [], case.name
        assert all(status >= 400 for status in answers), case.name
        answers, seen = await served(case, case.dressed(), way, ends=True)
        if seen or any(status < 400 or status == 401 for status in answers):
            wrong[case.name] = answers
    assert sorted(wrong) == sorted(TAKEN), wrong


@pytest.mark.parametrize("way", WAYS)
async def test_what_gunicorn_takes(way: str) -> None:
    """Each of its valid files that needs no special option reaches a backend as gunicorn reads it."""
    refused, wrong = {}, {}
    for case in gunicorn_cases("valid"):
        if case.options & LENIENT:
            continue
        stream = case.dressed(len(case.requests)) + LAST
        answers, seen = await served(case, stream, way, ends=case.name in UNFINISHED)
        if not seen:
            refused[case.name] = answers
        elif complaints := list(read_alike(case, seen)):
            wrong[case.name] = complaints
    assert wrong == {}
    assert refused == {name: [status] if status else [] for name, (status, _) in REFUSED.items()}
