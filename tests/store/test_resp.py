import hiredis
import pytest

from quotad.store.resp import RedirectError, bulk, command, fault


def test_commands_are_arrays_of_bulk_strings() -> None:
    """Bytes, text and numbers become bulk strings; binary content is left alone."""
    assert command("SET", b"k\r\n\x00", 12) == b"*3\r\n$3\r\nSET\r\n$4\r\nk\r\n\x00\r\n$2\r\n12\r\n"
    assert bulk(b"") == b"$0\r\n\r\n"


def test_text_is_counted_in_bytes() -> None:
    """A length is that of the encoded text."""
    assert command("é") == b"*1\r\n$2\r\n\xc3\xa9\r\n"


@pytest.mark.parametrize(
    ("text", "kind", "executed"),
    [
        ("READONLY You can't write against a read only replica.", "readonly", False),
        ("@user_script: 12: -READONLY You can't write against a read only replica.", "readonly", False),
        ("OOM command not allowed when used memory > 'maxmemory'.", "oom", False),
        ("MOVED 866 10.0.0.1:6379", "moved", False),
        ("WRONGPASS invalid username-password pair or user is disabled.", "wrongpass", False),
        ("ERR user_script:3: attempt to index a nil value", "script", None),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", "script", None),
        ("", "script", None),
    ],
)
def test_error_replies_have_a_kind(text: str, kind: str, executed: bool | None) -> None:
    """A refusal surely did not run; of any other error nobody knows."""
    error = fault(hiredis.ReplyError(text))
    assert (error.kind, error.executed) == (kind, executed)


def test_long_errors_are_cut() -> None:
    """A server cannot fill the log with one reply."""
    assert len(str(fault(hiredis.ReplyError("ERR " + "x" * 10_000)))) < 300


@pytest.mark.parametrize(
    ("text", "kind", "host", "port"),
    [
        ("MOVED 3999 127.0.0.1:6381", "moved", "127.0.0.1", 6381),
        ("ASK 16383 node-1.example.org:7000", "ask", "node-1.example.org", 7000),
        ("MOVED 1 ::1:7000", "moved", "::1", 7000),
        ("MOVED 1 :7000", "moved", "", 7000),
    ],
)
def test_a_redirect_says_where_to(text: str, kind: str, host: str, port: int) -> None:
    """MOVED and ASK carry the node that has the slot; the call did not run here."""
    error = fault(hiredis.ReplyError(text))
    assert isinstance(error, RedirectError)
    assert (error.kind, error.host, error.port, error.executed) == (kind, host, port, False)


@pytest.mark.parametrize("text", ["MOVED", "MOVED x 1.2.3.4:1", "ASK 1 nowhere", "MOVED 1 host:123456"])
def test_a_redirect_to_nowhere_is_a_plain_refusal(text: str) -> None:
    """What names no address leads nowhere, and did not run either."""
    error = fault(hiredis.ReplyError(text))
    assert not isinstance(error, RedirectError)
    assert error.executed is False
