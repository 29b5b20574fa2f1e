from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotad.core.http_date import http_date, parse_http_date

NOW_S = 1_795_000_000.0
"""In November 2026."""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"Sun, 06 Nov 1994 08:49:37 GMT", 784111777),
        (b"Sunday, 06-Nov-94 08:49:37 GMT", 784111777),
        (b"Sun Nov  6 08:49:37 1994", 784111777),
        (b"Wed Nov 16 08:49:37 1994", 784975777),
        (b"Thu, 01 Jan 1970 00:00:00 GMT", 0),
        (b"Thu, 29 Feb 2024 23:59:59 GMT", 1709251199),
        (b"Sat, 31 Dec 2016 23:59:60 GMT", 1483228800),
        (b"Saturday, 21-Nov-26 00:00:00 GMT", 1795219200),
        (b"Thursday, 21-Nov-75 00:00:00 GMT", 3341520000),
        (b"Monday, 21-Nov-77 00:00:00 GMT", 248918400),
    ],
)
def test_dates(text: bytes, expected: int) -> None:
    """The three forms of RFC 9110, section 5.6.7, are read; two-digit years lie near now."""
    assert parse_http_date(text, NOW_S) == expected


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"Sun, 06 Nov 1994 08:49:37",
        b"Sun, 06 Nov 1994 08:49:37 UTC",
        b"Sun, 06 Nov 1994 08:49:37 GMT ",
        b"Sun, 06 Nov 1994 08:49:37 GMT\n",
        b"Sun, 6 Nov 1994 08:49:37 GMT",
        b"sun, 06 nov 1994 08:49:37 gmt",
        b"Mon, 06 Nov 1994 08:49:37 GMT",
        b"Sun, 06 Nov 94 08:49:37 GMT",
        b"Sun, 06-Nov-94 08:49:37 GMT",
        b"Sun, 31 Feb 1994 08:49:37 GMT",
        b"Sun, 06 Xxx 1994 08:49:37 GMT",
        b"Sun, 06 Nov 1994 24:00:00 GMT",
        b"Sun, 06 Nov 1994 08:49:61 GMT",
        b"Sun, 06 Nov 0000 08:49:37 GMT",
        b"1994-11-06T08:49:37Z",
        "Sun, 0٦ Nov 1994 08:49:37 GMT".encode(),
    ],
)
def test_no_dates(text: bytes) -> None:
    """Anything else is no date: wrong zone, case, day of the week, digits, range."""
    assert parse_http_date(text, NOW_S) is None


@given(st.integers(min_value=0, max_value=253_402_300_799))
def test_a_date_is_written_as_the_standard_library_does(seconds: int) -> None:
    """Every second until the year 9999; read again it is the same."""
    text = http_date(seconds)
    assert text == formatdate(seconds, usegmt=True).encode()
    assert parse_http_date(text, seconds) == seconds
