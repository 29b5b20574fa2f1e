import asyncio
import shlex

import pytest

from quotad.client.caller import ALGORITHMS, Client, KeyPair, curl_line, parse_header
from quotad.errors import QuotadError
from tests.support.echo import echo

DAY_S = 1_444_348_800.0
"""Fri, 09 Oct 2015 00:00:00 GMT."""

PAIR = KeyPair("AKIDexample", "secretexample")


@pytest.mark.parametrize(
    ("algorithm", "signature"),
    [
        ("hmac-sha1", "oAFO4i+9Hrslm2uucqqCSjVRGkc="),
        ("hmac-sha256", "NMGwD+qBk0x/ZGEzAGG9WNeaA1OHH4cQnlEGiiXwy8c="),
    ],
)
def test_known_answers(algorithm: str, signature: str) -> None:
    """The published example of a signature comes out."""
    assert PAIR.signed(DAY_S, algorithm, [("Source", "AndriodApp")]) == [
        ("Date", "Fri, 09 Oct 2015 00:00:00 GMT"),
        ("Source", "AndriodApp"),
        (
            "Authorization",
            f'hmac id="AKIDexample", algorithm="{algorithm}", headers="date source", signature="{signature}"',
        ),
    ]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_signs(algorithm: str) -> None:
    """Each algorithm that the server knows can be used."""
    assert f'algorithm="{algorithm}"' in dict(PAIR.signed(DAY_S, algorithm))["Authorization"]


def test_the_key_is_never_shown() -> None:
    """Neither repr nor a signature contains the key."""
    assert "secretexample" not in repr(PAIR) + str(PAIR.signed(DAY_S))


def test_a_curl_line_survives_the_shell() -> None:
    """Quotes and blanks of headers and URL reach curl as they are."""
    words = shlex.split(curl_line("http://x/a b?c='d'", [("A", 'b "c" $d')]))
    assert words == ["curl", "-i", "-H", 'A: b "c" $d', "http://x/a b?c='d'"]


def test_headers_are_parsed() -> None:
    """Only the first colon separates, blanks around the value go."""
    assert parse_header("X-A:  b:c ") == ("X-A", "b:c")
    for wrong in ("no colon", ": value", ""):
        with pytest.raises(QuotadError, match="is not a header"):
            parse_header(wrong)


@pytest.mark.parametrize("url", ["", "localhost", "ftp://x/", "http://", "http://x:port/", "http://x:99999/"])
def test_a_bad_url_is_named(url: str) -> None:
    """What is no http(s) URL is an error, not a traceback."""
    with pytest.raises(QuotadError):
        Client(url)


async def test_requests_and_answers() -> None:
    """Method, target with query, headers and body arrive; status, headers and body come back."""

    def exchange(url: str) -> None:
        client = Client(url + "/a?b=%20c")
        reply = client.request("POST", headers=[("X-A", "1")], body=b"12345")
        assert (reply.status, reply.body) == (418, b"POST /a?b=%20c 1 5")
        assert reply.header("ratelimit") == "r"
        assert reply.header("absent") == ""
        assert reply.limit_headers() == [("RateLimit", "r")]
        assert client.request("GET", "/other").body == b"GET /other None 0"
        client.close()

    async with echo() as url:
        await asyncio.to_thread(exchange, url)


def test_a_server_that_is_away_is_named() -> None:
    """No connection is an error that names the place, without user and password."""
    with pytest.raises(QuotadError, match=r"^127\.0\.0\.1:9: ") as caught:
        Client("http://user:password@127.0.0.1:9/").request()
    assert "password" not in str(caught.value)


@pytest.mark.parametrize("value", ["a\r\nb", "\u1234"])
def test_a_header_that_cannot_be_sent_is_an_error(value: str) -> None:
    """Line ends and characters beyond Latin-1 are refused with words."""
    with pytest.raises(QuotadError):
        Client("http://127.0.0.1:9/").request(headers=[("X-A", value)])
