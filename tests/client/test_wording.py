import errno
import ssl

import aiohttp
import pytest

from quotad.client.wording import of_file, refusal, unreachable, was_not_sent

PLACE = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("status", "code", "exit_status", "words"),
    [
        (400, "invalid_value", 1, "No (invalid_value)"),
        (401, "unauthenticated", 4, f"{PLACE}: No (unauthenticated): this one is unknown there"),
        (403, "forbidden", 4, "No (forbidden): `quotad whoami` says"),
        (403, "store_user_forbidden", 4, "No (store_user_forbidden)"),
        (409, "plan_in_use", 1, "No (plan_in_use)"),
        (421, "misdirected", 3, f"{PLACE}: No (misdirected): its admin.hosts"),
        (429, "too_many_requests", 4, f"{PLACE}: No (too_many_requests): wait"),
        (503, "store_unavailable", 3, f"{PLACE}: No (store_unavailable)"),
    ],
)
def test_what_is_refused(status: int, code: str, exit_status: int, words: str) -> None:
    """The port's own words, what helps, and an exit status for each kind."""
    error = refusal(PLACE, status, {"detail": "No.", "code": code}, has_token=True)
    assert str(error).startswith(words)
    assert error.exit_status == exit_status


def test_a_field_is_written_as_it_is() -> None:
    """A sentence begins with a capital, a field's name with its own letter."""
    members = {"detail": "RateRps must be whole.", "field": "rateRps", "code": "invalid_value"}
    assert str(refusal(PLACE, 400, members, has_token=True)) == "rateRps must be whole (invalid_value)"


def test_what_is_no_admin_port() -> None:
    """An error page of something else is told as what it is; who sent no token is asked for one."""
    strange: list[object] = [None, [], {"error": 1}]
    for members in strange:
        assert "is it an admin port?" in str(refusal(PLACE, 404, members, has_token=True))
    assert "--token-file or QUOTAD_TOKEN" in str(refusal(PLACE, 401, {"detail": "No."}, has_token=False))


def connecting(error: OSError) -> aiohttp.ClientConnectorError:
    key = aiohttp.client_reqrep.ConnectionKey("h", 9, False, True, None, None, None)
    return aiohttp.ClientConnectorError(key, error)


def tls(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TimeoutError(), "no answer within 5 s"),
        (connecting(OSError(errno.ECONNREFUSED, "x")), "Connection refused"),
        (connecting(OSError(errno.ECONNRESET, "x")), "it ended the connection"),
        (aiohttp.ServerDisconnectedError(), "it ended the connection without an answer"),
        (aiohttp.ClientPayloadError(), "the answer broke off"),
        (tls("WRONG_VERSION_NUMBER"), "it does not speak TLS there: is it http?"),
        (tls("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "it wants a client certificate (--cert, --key)"),
        (tls("UNSUPPORTED_PROTOCOL"), "TLS failed: unsupported protocol"),
        (ValueError("x"), "ValueError"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_why_there_is_no_answer(error: Exception, words: str) -> None:
    """Each kind in words."""
    assert unreachable(error, 5.0, has_certificate=False).startswith(words)


def test_a_certificate_that_is_not_taken() -> None:
    """Whoever showed one is told that it was the wrong one, also where the cause stands deeper."""
    outer = OSError()
    outer.__cause__ = tls("TLSV1_ALERT_UNKNOWN_CA_CERTIFICATE")
    assert "does not take this client certificate" in unreachable(outer, 5.0, has_certificate=True)
    assert "holds no certificate" in of_file(tls("PEM_LIB"))
    assert of_file(FileNotFoundError(2, "No such file")) == "No such file"


def test_what_was_not_sent() -> None:
    """Without a connection nothing can have been done; after one, it may."""
    assert was_not_sent(connecting(OSError(errno.ECONNREFUSED, "x")))
    assert not was_not_sent(TimeoutError())
