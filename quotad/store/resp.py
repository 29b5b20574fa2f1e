"""RESP2 as far as it is written by hand, and the one place where error replies become StoreErrors."""

import re

import hiredis

from quotad.errors import StoreError

RENEWING = frozenset({"readonly", "masterdown", "moved", "noauth", "noperm", "wrongpass"})
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
_REDIRECT = re.compile(r"(?:MOVED|ASK) (\d{1,5}) (\S*):(\d{1,5})\b")


class RedirectError(StoreError):
    """MOVED or ASK: this node of a Cluster does not have the slot, and says who has."""

    def __init__(self, kind: str, message: str, host: str, port: int) -> None:
        super().__init__(kind, message, executed=False)
        self.host = host
        """Empty: the host of the node that says so."""
        self.port = port


def bulk(value: bytes) -> bytes:
    """One bulk string as it travels."""
    return b"$%d\r\n%b\r\n" % (len(value), value)


def command(*parts: bytes | str | int) -> bytes:
    """One whole command as it travels."""
    octets = [part if type(part) is bytes else str(part).encode() for part in parts]
    bulks = [b"$%d\r\n%b\r\n" % (len(each), each) for each in octets]
    return b"*%d\r\n%b" % (len(octets), b"".join(bulks))


def fault_kind(error: hiredis.ReplyError) -> str:
    """The ``StoreError.kind`` of an error reply: a known code in lower case, else ``script``."""
    found = _REFUSAL.search(str(error))
    return found[1].lower() if found else "script"


def fault(error: hiredis.ReplyError) -> StoreError:
    """An error reply, top-level or inside an array, as the StoreError that callers see."""
    kind = fault_kind(error)
    text = str(error)[:_SHOWN_CHARACTERS]
    message = f"the store answered: {text}"
    if kind in ("moved", "ask") and (to := _REDIRECT.match(text)):
        return RedirectError(kind, message, to[2], int(to[3]))
    return StoreError(kind, message, executed=None if kind == "script" else False)
