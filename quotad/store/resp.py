"""RESP2 as far as it is written by hand, and the one place where error replies become StoreErrors."""

import re

import hiredis

from quotad.errors import StoreError

RENEWING = frozenset({"readonly", "masterdown", "moved", "noauth", "wrongpass"})
"""Kinds after which another connection may lead to a better server, or to a better login."""

_REFUSALS = (
    "ASK",
    "BUSY",
    "CLUSTERDOWN",
    "CROSSSLOT",
    "DENIED",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "MOVED",
    "NOAUTH",
    "NOPERM",
    "NOREPLICAS",
    "NOSCRIPT",
    "OOM",
    "READONLY",
    "TRYAGAIN",
    "WRONGPASS",
)
"""Codes with which a server says that it did not run the command."""

# Redis 6.2 wraps what a script's command was told: "@user_script: 12: -READONLY You can't write ...".
_REFUSAL = re.compile(rf"(?:^|[\s-])({'|'.join(_REFUSALS)})\b")
_SHOWN_CHARACTERS = 200


def bulk(value: bytes) -> bytes:
    """One bulk string as it travels."""
    return b"$%d\r\n%b\r\n" % (len(value), value)


def command(*parts: bytes | str | int) -> bytes:
    """One whole command as it travels."""
    return b"*%d\r\n" % len(parts) + b"".join(bulk(_octets(part)) for part in parts)


def fault_kind(error: hiredis.ReplyError) -> str:
    """The ``StoreError.kind`` of an error reply: a known code in lower case, else ``script``."""
    found = _REFUSAL.search(str(error))
    return found[1].lower() if found else "script"


def fault(error: hiredis.ReplyError) -> StoreError:
    """An error reply, top-level or inside an array, as the StoreError that callers see."""
    kind = fault_kind(error)
    text = str(error)[:_SHOWN_CHARACTERS]
    return StoreError(kind, f"the store answered: {text}", executed=None if kind == "script" else False)


def _octets(part: bytes | str | int) -> bytes:
    return part if isinstance(part, bytes) else str(part).encode()
