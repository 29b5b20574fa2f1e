import pytest

from quotad.core.trace import Trace, passed_lines, read_trace, trace_lines

ID, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"traceparent: 00-{ID}-{SPAN}-01".encode()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([PARENT], Trace(ID, SPAN, True, b"")),
        ([PARENT.replace(b"-01", b"-00")], Trace(ID, SPAN, False, b"")),
        ([PARENT.replace(b"-01", b"-0b")], Trace(ID, SPAN, True, b"")),
        ([PARENT.replace(b"traceparent", b"TraceParent")], Trace(ID, SPAN, True, b"")),
        ([PARENT.replace(b" 00-", b" cc-") + b"-more"], Trace(ID, SPAN, True, b"")),
        ([PARENT, b"tracestate: a=1 , b@v=2", b"Tracestate:,c=3"], Trace(ID, SPAN, True, b"a=1,b@v=2,c=3")),
    ],
)
def test_what_is_valid(lines: list[bytes], expected: Trace) -> None:
    """Both fields are read by name without case; a later version may have more behind the flags."""
    assert read_trace(lines) == expected
    assert passed_lines(expected, lines) == b"".join(line + b"\r\n" for line in lines)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"nonsense",
        b"00-%b-%b-01" % (b"0" * 32, SPAN.encode()),
        b"00-%b-%b-01" % (ID.encode(), b"0" * 16),
        b"ff-%b-%b-01" % (ID.encode(), SPAN.encode()),
        b"00-%b-%b-01" % (ID.upper().encode(), SPAN.encode()),
        b"00-%b-%b-1" % (ID.encode(), SPAN.encode()),
        b"00-%b-%b-01-more" % (ID.encode(), SPAN.encode()),
        b"01-%b-%b-01more" % (ID.encode(), SPAN.encode()),
        b"00-%b-%b-01, x" % (ID.encode(), SPAN.encode()),
    ],
)
def test_what_is_not(value: bytes) -> None:
    """Anything that the standard calls invalid is no parent, nor are two; a state alone is nothing."""
    assert read_trace([b"traceparent: " + value, b"tracestate: a=1"]) is None
    assert read_trace([PARENT, PARENT]) is None
    assert read_trace([b"tracestate: a=1"]) is None


@pytest.mark.parametrize(
    "state", [b"a", b"A=1", b"a=1,a=2", b"a=1,b", b"=1", b"a=\x7f", b"a=" + b"x" * 257, b"a=b=c"]
)
def test_a_state_that_is_broken(state: bytes) -> None:
    """It does not go on; the parent does."""
    lines = [PARENT, b"tracestate: " + state]
    trace = read_trace(lines)
    assert trace == Trace(ID, SPAN, True, b"")
    assert trace is not None
    assert passed_lines(trace, lines) == PARENT + b"\r\n"


def test_how_many_members() -> None:
    """A state of 32 members is whole, one of 33 is none."""
    members = [b"k%d=v" % number for number in range(33)]
    for count, whole in ((32, True), (33, False)):
        trace = read_trace([PARENT, b"tracestate: " + b",".join(members[:count])])
        assert trace is not None
        assert bool(trace.state) is whole


def test_it_is_continued() -> None:
    """The next span has the same trace and state, and a parent of ours, in the version that is known."""
    span = "1" * 16
    trace = Trace(ID, SPAN, True, b"a=1")
    lines = trace_lines(trace, span)
    assert lines == f"traceparent: 00-{ID}-{span}-01\r\ntracestate: a=1\r\n".encode()
    assert read_trace(lines.split(b"\r\n")[:-1]) == Trace(ID, span, True, b"a=1")
    assert trace_lines(Trace(ID, SPAN, False, b""), span).endswith(b"-00\r\n")
