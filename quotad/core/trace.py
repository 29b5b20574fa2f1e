"""Whose trace a request belongs to (W3C Trace Context, level 1): pure functions of bytes.

What is valid goes on as it came. What is not must not be believed by anybody behind us, so it does not
go on: neither ``traceparent`` nor the ``tracestate`` beside it, whose meaning hangs on it.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

PARENT, STATE = b"traceparent", b"tracestate"

_PARENT = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-[\x21-\x7e]*)?"
)
"""Section 3.2.2; what stands behind the flags is of a later version."""
_KEY = rb"(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
_VALUE = rb"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
_MEMBER = re.compile(rb"(%b)=%b" % (_KEY, _VALUE))
"""Section 3.3.1.3."""

_MEMBERS = 32
_SAMPLED = 1


class Trace(NamedTuple):
    """A valid ``traceparent``, and the ``tracestate`` that came with it."""

    trace_id: str
    """32 hex digits."""
    parent_id: str
    """16: the span of whoever sent the request."""
    sampled: bool
    """Whether the sender records its part."""
    state: bytes
    """The value of ``tracestate``; empty: there is none, or none to be believed."""


def read_trace(lines: Sequence[bytes]) -> Trace | None:
    """What a request's lines of these two fields say, in their order; None: nothing to be believed."""
    parents: list[bytes] = []
    states: list[bytes] = []
    for line in lines:
        name, _, value = line.partition(b":")
        (parents if name.lower() == PARENT else states).append(value.strip(b" \t"))
    found = _PARENT.fullmatch(parents[0]) if len(parents) == 1 else None
    if found is None or (found[1] == b"00" and found[5] is not None):
        return None
    sampled = bool(int(found[4], 16) & _SAMPLED)
    return Trace(found[2].decode(), found[3].decode(), sampled, _state(states))


def _state(values: Sequence[bytes]) -> bytes:
    """Section 3.3: one list, of at most 32 members with different keys; else it is none."""
    parts = (part.strip(b" \t") for part in b",".join(values).split(b","))
    members = [part for part in parts if part]
    found = [_MEMBER.fullmatch(member) for member in members]
    keys = {each[1] for each in found if each is not None}
    return b",".join(members) if len(keys) == len(members) <= _MEMBERS else b""


def trace_lines(trace: Trace, span_id: str) -> bytes:
    """The header lines, each with its CRLF, that make this span the parent of what is behind us."""
    parent = f"traceparent: 00-{trace.trace_id}-{span_id}-{trace.sampled:02x}\r\n".encode()
    return parent + (b"tracestate: %b\r\n" % trace.state if trace.state else b"")


def passed_lines(trace: Trace, lines: Sequence[bytes]) -> bytes:
    """The lines as they came, each with its CRLF; without a ``tracestate`` that is not to be believed."""
    kept = [line + b"\r\n" for line in lines if trace.state or line.partition(b":")[0].lower() == PARENT]
    return b"".join(kept)
