"""What the store keeps beside a Subject's counters: its history, and use per Secret."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

from quotad.clock import monotonic_s
from quotad.core.history import History, Portion
from quotad.core.plans import Subject
from quotad.errors import StoreError
from quotad.store import past
from quotad.store.flight import understand
from quotad.store.payload import PayloadBuilder
from quotad.store.route import Route
from quotad.store.scripts import Script
from quotad.store.stats import StoreStats

DAYS_AT_ONCE = 8
"""Of all Secrets: a day may have thousands, and a reply is not to be longer than the connection reads."""

SECRETS_AT_ONCE = 100
"""Added up by one script call, which holds up the server's other clients: 3 to 9 us each."""

Ask = Callable[[Sequence[tuple[Subject, bytes]], bool], Awaitable[list[object]]]
"""Script calls, each sent to its Subject, durable or not: replies, or StoreErrors. Raises StoreError."""


class Archive:
    """The verbs ``history``, ``attribute`` and ``attributed`` of ``store.interface.Books``."""

    def __init__(
        self,
        route: Route,
        payloads: PayloadBuilder,
        scripts: Mapping[str, Script],
        stats: StoreStats,
        ask: Ask,
    ) -> None:
        self._route = route
        self._payloads = payloads
        self._scripts = scripts
        self._stats = stats
        self._ask = ask

    async def history(self, subjects: Sequence[Subject]) -> list[History]:
        """See ``Books.history``."""
        sha, step = self._scripts["history"].sha, self._route.subjects_per_call
        chunks = [subjects[start : start + step] for start in range(0, len(subjects), step)]
        items = await self._items(
            "history", chunks, [self._payloads.read(sha, each) for each in chunks], durable=False
        )
        return [past.unpack_history(self._sound(*each)) for each in zip(subjects, items, strict=True)]

    async def attribute(self, portions: Sequence[Portion]) -> list[StoreError | None]:
        """See ``Books.attribute``."""
        sha = self._scripts["attribute"].sha
        chunks = list(_bundles(portions, self._route.subjects_per_call))
        told = [[(each.subject, past.pack_portion(each)) for each in chunk] for chunk in chunks]
        payloads = [self._payloads.tell(sha, self._payloads.sidecar_id, each) for each in told]
        subjects = [[each.subject for each in chunk] for chunk in chunks]
        items = await self._items("attribute", subjects, payloads, durable=True)
        return [self._trouble(each.subject, item) for each, item in zip(portions, items, strict=True)]

    async def attributed(
        self, subject: Subject, day_ends_us: Sequence[int], secret_id: str = ""
    ) -> dict[int, Mapping[str, int]]:
        """See ``Books.attributed``."""
        found: dict[int, Mapping[str, int]] = {}
        step = len(day_ends_us) if secret_id else DAYS_AT_ONCE
        sha, name = self._scripts["attributed"].sha, secret_id.encode("ascii", "replace")
        for start in range(0, len(day_ends_us), step or 1):
            ends = list(day_ends_us[start : start + step])
            payload = self._payloads.tell(sha, name, [(subject, past.pack_days(ends))])
            (item,) = await self._items("attributed", [[subject]], [payload], durable=False)
            shares = past.unpack_shares(self._sound(subject, item), secret_id)
            found.update(zip(ends, shares, strict=True))
        return found

    async def _items(
        self, verb: str, chunks: Sequence[Sequence[Subject]], payloads: Sequence[bytes], *, durable: bool
    ) -> list[object]:
        """What each Subject was answered: its item, or a StoreError. Raises StoreError."""
        begun_s = monotonic_s()
        questions = [(chunk[0], payload) for chunk, payload in zip(chunks, payloads, strict=True)]
        replies = await self._ask(questions, durable)
        found: list[object] = []
        for chunk, reply in zip(chunks, replies, strict=True):
            if isinstance(reply, list) and len(reply) == len(chunk):
                self._stats.answered(verb, len(chunk), monotonic_s() - begun_s)
                found += reply
            else:
                found += [understand(self._route, chunk[0], reply)] * len(chunk)
        return found

    def _sound(self, subject: Subject, item: object) -> list[object]:
        """The item, if it is an answer. Raises StoreError."""
        if isinstance(item, list):
            return item
        error = understand(self._route, subject, item)
        self._stats.failed(error.kind)
        raise error

    def _trouble(self, subject: Subject, item: object) -> StoreError | None:
        """None: the Portion is counted, now or before."""
        if isinstance(item, int):
            return None
        error = understand(self._route, subject, item)
        self._stats.failed(error.kind)
        return error


def _bundles(portions: Sequence[Portion], subjects_at_most: int) -> Iterator[list[Portion]]:
    """What goes with one script call, in order."""
    bundle: list[Portion] = []
    secrets = 0
    for portion in portions:
        secrets += len(portion.units)
        if bundle and (len(bundle) >= subjects_at_most or secrets > SECRETS_AT_ONCE):
            yield bundle
            bundle, secrets = [], len(portion.units)
        bundle.append(portion)
    if bundle:
        yield bundle
