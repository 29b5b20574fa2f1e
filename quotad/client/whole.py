"""All records at once, through an admin port or on the store itself: applied, exported, imported."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, NamedTuple, Protocol

from quotad.client.admin import AdminPort, Ask
from quotad.client.paths import APPLY, EXPORT, IMPORT, SECRETS
from quotad.client.wording import RefusedError
from quotad.config.nouns import SECTIONS, Nouns
from quotad.controlplane.export import Part
from quotad.controlplane.key_list import BATCH, Imported, Row
from quotad.controlplane.views import Difference

ATTEMPTS = 20
LONG_S = 3_600.0
"""For an answer about all records."""

_PART = 500

Told = Callable[[int], object]
"""Hears how much more was done."""


class Shown(NamedTuple):
    """What a file would change."""

    differences: list[Difference]
    steps: int
    """Commits that it takes."""
    writes: int
    token: Any
    """What ``apply`` knows it by."""


class Whole(Protocol):
    """Each raises QuotadError."""

    async def compare(self, nouns: Nouns, told: Told, *, prune: bool) -> Shown:
        """What making the records equal to this would change; ``told`` hears of Secrets.

        ``prune``: what is not named is deleted.
        """

    async def apply(self, shown: Shown, told: Told) -> None:
        """Do no more than was shown; ``told`` hears of writes."""

    async def secret_count(self) -> int:
        """How many Secrets ``export`` will have."""

    def export(self, *, with_keys: bool) -> AsyncIterator[Part]:
        """All records, as a file says them."""

    async def import_secrets(self, rows: Sequence[Row], told: Told, *, strict: bool) -> Imported:
        """Make the Secrets of a list, a batch after another; ``told`` hears of rows."""


def _nobody(_: int) -> None:
    """Hears of nothing."""


class _Sent(NamedTuple):
    values: dict[str, Any]
    prune: bool
    tag: str


class ThroughPort:
    """By an admin port."""

    def __init__(self, port: AdminPort) -> None:
        self._port = port

    async def compare(self, nouns: Nouns, told: Told, *, prune: bool) -> Shown:
        """See ``Whole``."""
        return await self._ask(_Sent(nouns.values, prune, ""), compared=told)

    async def apply(self, shown: Shown, told: Told) -> None:
        """See ``Whole``. What others change meanwhile is compared again."""
        allowed, newest = set(shown.differences), shown
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self._ask(newest.token, committed=told)
            except RefusedError as error:
                if error.code != "stale" or attempt == ATTEMPTS:
                    raise
                newest = await self._ask(newest.token._replace(tag=""), compared=_nobody)
                if not allowed.issuperset(newest.differences):
                    raise RefusedError(
                        "the records were changed meanwhile: apply it again (stale)", "stale"
                    ) from None
            else:
                return

    async def _ask(
        self, sent: _Sent, *, compared: Told | None = None, committed: Told | None = None
    ) -> Shown:
        """Compare only, or (``committed``) apply too."""
        query = {"dryRun": committed is None, "prune": sent.prune}
        body = {name: sent.values[name] for name in SECTIONS if name in sent.values}
        planned: dict[str, Any] = {}

        def heard(line: dict[str, Any]) -> None:
            match line["event"]:
                case "compared" if compared is not None:
                    compared(line["secrets"])
                case "planned":
                    planned.update(line)
                case "committed" if committed is not None:
                    committed(line["writes"])

        ask = Ask("POST", APPLY, body, query, tag=sent.tag, repeatable=True, timeout_s=LONG_S, heard=heard)
        members, tag = await self._port.ask(ask)
        if members and committed is not None:
            # An older port: all of it in one answer.
            committed(members["writes"])
        found = members or planned
        differences = [
            Difference(each["sign"], each["kind"], each["id"], each["words"]) for each in found["differences"]
        ]
        token = sent._replace(tag=tag or planned["etag"])
        return Shown(differences, found["steps"], found["writes"], token)

    async def secret_count(self) -> int:
        """See ``Whole``."""
        return int((await self._port.get(SECRETS, limit=1))["totalCount"])

    async def export(self, *, with_keys: bool) -> AsyncIterator[Part]:
        """See ``Whole``."""
        ask = Ask("GET", EXPORT, query={"withKeys": with_keys}, timeout_s=LONG_S)
        members = (await self._port.ask(ask)).members
        for section in (*SECTIONS, "remarks"):
            items = members.get(section, [])
            for start in range(0, len(items), _PART):
                yield Part(section, items[start : start + _PART])

    async def import_secrets(self, rows: Sequence[Row], told: Told, *, strict: bool) -> Imported:
        """See ``Whole``."""
        sum_of = Imported()
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            body = {"secrets": [row.values for row in batch], "strict": strict}
            # Sent again it finds its own and passes them over, unless that is what is refused.
            ask = Ask("POST", IMPORT, body, repeatable=not strict)
            members = (await self._port.ask(ask)).members
            sum_of.made += members["made"]
            sum_of.known += members["known"]
            told(len(batch))
        return sum_of
