"""Deleting all that the store keeps of a plan, a Secret or single Apis: a walk over the namespace's keys.

Rare, and never on the way of a request: it needs rights that serving does not (SCAN, UNLINK).
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from quotad.errors import StoreError
from quotad.store.inquiry import Inquiry
from quotad.store.interface import NO_APIS, ApisOf
from quotad.store.link import Link
from quotad.store.resp import command

PASSES_AT_MOST = 8
"""Slots of a Cluster may move during a walk, and calls that were on their way make keys anew."""

_KEYS_A_STEP = 500
_STEP_S = 10.0


class Doomed:
    """Which keys belong to a plan, a Secret or single Apis. Exactly one of the three is given."""

    def __init__(
        self, namespace: str, plan_id: str = "", secret_id: str = "", apis: ApisOf = NO_APIS
    ) -> None:
        """Raises ValueError for an id that no key can have, and for none or two of them."""
        ids = "".join((plan_id, secret_id, apis.service_id, *apis.api_ids))
        whole = apis == NO_APIS or bool(apis.service_id and apis.api_ids and all(apis.api_ids))
        if [plan_id, secret_id, apis.service_id].count("") != 2 or not (whole and set(ids) <= _ID_CHARACTERS):
            raise ValueError("one plan, one Secret, or Apis of one service are to be named, each by its id")
        self._service_id = apis.service_id.encode()
        self._apis = frozenset(f".api.{api_id}".encode() for api_id in apis.api_ids)
        self._head = f"{namespace}:{{".encode()
        self._plan_id = plan_id.encode()
        self._secret_id = secret_id.encode()
        self.pattern = f"{namespace}:{{{plan_id}/*" if plan_id else f"{namespace}:{{*"
        if apis.service_id:
            self.pattern = f"{namespace}:{{*/{apis.service_id}/*/.api.*"
        """What SCAN is to match; more than what is deleted."""

    def deletion(self, key: bytes) -> tuple[bytes | str, ...]:
        """The command that deletes what is doomed in a key; empty: nothing is."""
        tag, _, kind = key.removeprefix(self._head).partition(b"}:")
        words = tag.split(b"/")
        if not key.startswith(self._head) or len(words) < 3 or not kind:
            return ()
        if self._plan_id:
            return ("UNLINK", key) if words[0] == self._plan_id else ()
        if self._apis:
            # Throttles have tags of the same form.
            is_one = words[1] == self._service_id and not self._apis.isdisjoint(words[3:])
            return ("UNLINK", key) if is_one else ()
        own = [word for word in words[3:] if not word.startswith(b".")]
        if own == [self._secret_id]:
            return ("UNLINK", key)
        # Its share in what several Secrets use.
        return ("HDEL", key, self._secret_id) if kind[:1] == b"u" else ()


async def erase(links: Callable[[], Sequence[Link]], doomed: Doomed) -> int:
    """Delete it on every server; answers how many keys were deleted or changed. Raises StoreError."""
    erased = 0
    for _ in range(PASSES_AT_MOST):
        found = 0
        moved = False
        for link in links():
            count, was_moved = await _erase_on(link, doomed)
            found += count
            moved = moved or was_moved
        erased += found
        if not found and not moved:
            return erased
    raise StoreError("busy", "keys of it are made as fast as they are deleted", executed=True)


async def _erase_on(link: Link, doomed: Doomed) -> tuple[int, bool]:
    """How many were deleted on one server, and whether some had moved away."""
    cursor, erased, moved = b"0", 0, False
    while True:
        cursor, keys = await _scan(link, cursor, doomed.pattern)
        commands = [words for key in keys if (words := doomed.deletion(key))]
        for reply in await _ask(link, commands):
            if isinstance(reply, StoreError):
                if reply.kind not in ("moved", "ask", "tryagain"):
                    raise reply
                moved = True
            elif isinstance(reply, int):
                erased += reply
        if cursor == b"0":
            return erased, moved


async def _scan(link: Link, cursor: bytes, pattern: str) -> tuple[bytes, list[bytes]]:
    (reply,) = await _ask(link, [("SCAN", cursor, "MATCH", pattern, "COUNT", str(_KEYS_A_STEP))])
    if isinstance(reply, StoreError):
        raise reply
    match reply:
        case [bytes(following), list(keys)]:
            return following, keys
        case _:
            raise StoreError("reply", "the store's answer cannot be read", executed=True)


async def _ask(link: Link, commands: Sequence[Iterable[bytes | str]]) -> list[object]:
    """The replies to these commands, or StoreErrors. Raises StoreError when they do not come."""
    if not commands:
        return []
    inquiry = Inquiry(asyncio.get_running_loop(), len(commands))
    for place, words in enumerate(commands):
        link.send(command(*words), inquiry.at(place))
    try:
        async with asyncio.timeout(_STEP_S):
            return await inquiry.all
    except TimeoutError:
        raise StoreError("deadline", "the store did not answer in time", executed=None) from None


_ID_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
