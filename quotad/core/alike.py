"""Field lines that differ in nothing but the key pair: what one of them says, the others say.

Many callers use few programs, so where each has a key pair of its own their heads are alike in all else.
"""

import re
from typing import Final

from quotad.core.request import RequestFields

# Visible ASCII only: as the value of a field like these it is neither refused nor read in another way,
# whatever it is.
_PAIR: Final = re.compile(rb"((?:\A|\r\n)[Xx]-[Ss]ecret-(?:[Ii]d|[Kk]ey): )([!-~]+)(?=\r\n|\Z)")
_PARTS: Final = 7
_WORD: Final = re.compile(rb"[!-~]+")


def cut(block: bytes) -> list[bytes] | None:
    """Cut the values of X-Secret-Id and X-Secret-Key out of field lines.

    Answers what is before, name and value, what is between, name and value, what is behind. None unless
    there are two such lines, whose values are words.
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


class Like:
    """Field lines that were read and whose ``only_key_pair`` holds, as what others are held against."""

    __slots__ = ("_ahead", "_behind", "_between", "_fields", "_is_id_first", "_names", "_parts", "_start")

    def __init__(self, fields: RequestFields, parts: list[bytes], line: bytes = b"") -> None:
        """``parts``: their block, cut; ``line``: what is before it, with its CRLF (``under``)."""
        before, first_name, _, between, second_name, _, behind = parts
        self._fields = fields
        self._parts = parts
        self._start = len(line)
        self._ahead = line + before + first_name
        self._between = between + second_name
        self._behind = behind
        self._names = first_name.lstrip(b"\r\n"), second_name.lstrip(b"\r\n")
        # There is one of each, and the id's name is the shorter one.
        self._is_id_first = len(self._names[0]) < len(self._names[1])

    def under(self, line: bytes) -> "Like":
        """The same for whole heads, which begin with this line (with its CRLF) and end in an empty one.

        ``read`` then takes a head, and says what its field lines say.
        """
        *parts, behind = self._parts
        return Like(self._fields, [*parts, behind.removesuffix(b"\r\n") + b"\r\n\r\n"], line)

    def read(self, block: bytes) -> RequestFields | None:
        """What ``block`` says, whose lines end as those that were cut; None unless it is alike.

        It is the same bytes up to the first value, between the values and behind them, and what is left for
        either value is a word, which ends no line: so its lines are the same lines, but for these two values.
        """
        ahead, found, rest = block.partition(self._between)
        if not found or not ahead.startswith(self._ahead) or not rest.endswith(self._behind):
            return None
        first, second = ahead[len(self._ahead) :], rest[: len(rest) - len(self._behind)]
        if not (_is_word(first) and _is_word(second)):
            return None
        if self._start:
            block = block[self._start : len(block) - 2]
        return self.with_pair(block, first, second)

    def with_pair(self, block: bytes, first: bytes, second: bytes) -> RequestFields:
        """What ``block`` says, which differs in nothing but the values, in the order in which they stand."""
        fields = _with_pair(self._fields, block if block.endswith(b"\r\n") else block + b"\r\n")
        if self._is_id_first:
            fields.secret_id, fields.secret_key = first, second
        else:
            fields.secret_id, fields.secret_key = second, first
        first_name, second_name = self._names
        fields.secret_lines = b"%b%b\r\n%b%b\r\n" % (first_name, first, second_name, second)
        return fields


def _is_word(value: bytes) -> bool:
    """Whether ``_PAIR`` takes it for a value: most are letters and digits, which is quicker to say."""
    return value.isalnum() or _WORD.fullmatch(value) is not None


def _with_pair(like: RequestFields, block: bytes) -> RequestFields:
    fields = RequestFields(block)
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
