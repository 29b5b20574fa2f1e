"""Field lines that differ in nothing but the key pair: what one of them says, the others say.

Many callers use few programs, so where each has a key pair of its own their heads are alike in all else.
"""

import re
from typing import Final

from quotad.core.request import RequestFields

# Visible ASCII only: as the value of a field like these it is neither refused nor read in another way,
# whatever it is.
_PAIR: Final = re.compile(rb"(\r\n[Xx]-[Ss]ecret-(?:[Ii]d|[Kk]ey): )([!-~]+)(?=\r\n|\Z)")
_PARTS: Final = 7


def cut(block: bytes) -> list[bytes] | None:
    """Cut the values of X-Secret-Id and X-Secret-Key out of field lines.

    Answers what is before, name and value, what is between, name and value, what is behind. None unless
    there are two such lines, neither of them the first, whose values are words.
    """
    parts = _PAIR.split(block)
    return parts if len(parts) == _PARTS else None


def shape(parts: list[bytes]) -> bytes:
    """What is left without the values, by which others like it are known.

    NUL stands for each value and ends what is before, so no block that has a NUL of its own, and would be
    refused, is like one that was read.
    """
    before, first_name, _, between, second_name, _, behind = parts
    return b"\0".join((before, first_name, between, second_name, behind))


def with_pair(like: RequestFields, block: bytes, parts: list[bytes]) -> RequestFields:
    """What ``block`` says, which was cut like that of ``like``, whose ``only_key_pair`` holds."""
    _, first_name, first, _, second_name, second, _ = parts
    fields = RequestFields(block)
    # There is one of each, and the id's name is the shorter one.
    if len(first_name) < len(second_name):
        fields.secret_id, fields.secret_key = first, second
    else:
        fields.secret_id, fields.secret_key = second, first
    fields.secret_lines = b"%b%b%b%b\r\n" % (first_name[2:], first, second_name, second)
    fields.made = like.made
    fields.kept = like.kept
    fields.host = like.host
    fields.host_name = like.host_name
    fields.hosts = like.hosts
    fields.length = like.length
    fields.chunked = like.chunked
    fields.close = like.close
    fields.keep_alive = like.keep_alive
    fields.expects = like.expects
    fields.preflight = like.preflight
    fields.max_forwards = like.max_forwards
    fields.max_forwards_line = like.max_forwards_line
    fields.signature_lines = like.signature_lines
    fields.signed = like.signed
    fields.trace = like.trace
    fields.trace_lines = like.trace_lines
    fields.hops = like.hops
    fields.upgrades = like.upgrades
    fields.has_body = like.has_body
    fields.plain = like.plain
    fields.secret_ids = fields.secret_keys = 1
    fields.only_key_pair = True
    return fields
