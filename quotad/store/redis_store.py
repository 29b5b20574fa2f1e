"""The store on Redis: whatever is submitted in one tick is one write per server.

One script call takes 64 Subjects; on a Cluster one, since a script may touch one slot only.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from quotad.clock import monotonic_s
from quotad.config.model import StoreConfig
from quotad.core.history import History, Portion
from quotad.core.plans import Subject, Tagged
from quotad.core.quota import Replay, Reset, Terms, TopUp, Usage
from quotad.errors import StoreError
from quotad.store import access, scripts, topology
from quotad.store.archive import Archive
from quotad.store.codec import pack_adjustment, pack_replay, unpack_usage
from quotad.store.erase import Doomed, erase
from quotad.store.flight import Flight, Gathering, Listener, Part, understand, unreadable
from quotad.store.inquiry import Inquiry
from quotad.store.interface import NO_APIS, ApisOf, Batch
from quotad.store.keys import nonce_key
from quotad.store.link import LinkOptions
from quotad.store.nonces import VERB, NonceCall, home_of
from quotad.store.notices import Notices
from quotad.store.payload import PayloadBuilder
from quotad.store.resp import command
from quotad.store.stats import StoreStats

_ASKED_S = 2.0
"""For what is asked beside the requests, unless these have longer."""


class RedisStore:
    """``store.interface.Store`` on one server or a Cluster. ``stats`` is for metrics.

    Made and used on one event loop, from its thread only. ``sidecar_id`` names this process start:
    8 random bytes. Raises ValueError when the URL is none that ``topology`` knows.
    """

    def __init__(self, url: str, config: StoreConfig, sidecar_id: bytes) -> None:
        self.stats = StoreStats(scripts.VERBS)
        self._loop = asyncio.get_running_loop()
        self._scripts = scripts.load_all()
        self._payloads = PayloadBuilder(config.namespace, sidecar_id, round(config.hold_s * 1e6))
        options = LinkOptions(
            deadline_s=config.deadline_s,
            scripts=tuple(script.text for script in self._scripts.values()),
            stuck_s=max(1.0, 2 * config.deadline_s),
            min_replicas=config.min_replicas,
        )
        self._route = access.route(self._loop, url, config, options)
        self._at_most = self._route.subjects_per_call
        self._namespace = config.namespace
        self._asked_s = max(_ASKED_S, config.deadline_s)
        self._archive = Archive(self._route, self._payloads, self._scripts, self.stats, self._ask)
        self.notices = Notices(config.namespace, self._ask)
        """What Sidecars tell of themselves."""

    @property
    def connected(self) -> bool:
        """Whether calls can go out now, whatever their Subject: on a Cluster every slot's owner is there."""
        return self._route.ready

    @property
    def reconnects(self) -> int:
        """How many connections were made in the place of earlier ones."""
        return self._route.reconnects

    @property
    def redirects(self) -> int:
        """How often a call was sent on from one node of a Cluster to another."""
        return self._route.redirects

    @property
    def facts(self) -> topology.Facts | None:
        """What a server said of itself at the latest connect."""
        return self._route.facts

    def now_us(self) -> int | None:
        """See ``Store.now_us``. On a Cluster: the latest of its nodes' times."""
        return self._route.now_us()

    async def start(self) -> None:
        """See ``Store.start``. Ends when the first attempt to connect has."""
        await self._route.start()

    async def close(self) -> None:
        """See ``Store.close``."""
        await self._route.close()

    def submit(self, batch: Batch, settle_only: bool = False) -> None:
        """See ``Store.submit``. What asks is written now, with all that was submitted in this tick."""
        verb = "settle" if settle_only else "reserve"
        calls = batch.calls
        try:
            keys = [self._payloads.keys(call.subject) for call in calls]
        except ValueError:
            self._submit_apart(batch, verb)
        else:
            if 0 < len(keys) <= self._at_most:
                self._launch(Flight(self._route, self.stats, verb, batch, calls), keys)
            else:
                self._submit_parts(batch, verb, keys)
        if settle_only:
            self._route.flush_soon()
        else:
            self._route.flush()

    def _submit_parts(self, batch: Batch, verb: str, keys: list[bytes]) -> None:
        gathering = Gathering(batch)
        if not keys:
            self._loop.call_soon(batch.done, [])
        for start in range(0, len(keys), self._at_most):
            end = start + self._at_most
            part: Listener = Part(gathering, start)
            flight = Flight(self._route, self.stats, verb, part, batch.calls[start:end])
            self._launch(flight, keys[start:end])

    def _submit_apart(self, batch: Batch, verb: str) -> None:
        """One of the Subjects can have no key: it answers for itself, each other one is asked alone."""
        gathering = Gathering(batch)
        for place, call in enumerate(batch.calls):
            part = Part(gathering, place)
            try:
                keys = [self._payloads.keys(call.subject)]
            except ValueError as error:
                self._loop.call_soon(part.done, [StoreError("script", str(error), executed=False)])
            else:
                self._launch(Flight(self._route, self.stats, verb, part, [call]), keys)

    def _launch(self, flight: Flight, keys: list[bytes]) -> None:
        payload = self._payloads.decide(self._scripts[flight.verb].sha, flight.calls, keys)
        self._route.post(flight.calls[0].subject, payload, flight)

    def spend_nonce(
        self, secret_id: str, name: bytes, keep_s: float, tell: Callable[[bool | None], None]
    ) -> None:
        """Use up a signature's nonce, for all who share this store (``dataplane.nonces.FleetNonces``).

        ``name``: 32 hex digits. It leaves with whatever else is sent in this tick.
        """
        home = home_of(secret_id)
        key = nonce_key(self._namespace, home, name)
        payload = command("EVALSHA", self._scripts[VERB].sha, 1, key, round(keep_s * 1000))
        self._route.post(home, payload, NonceCall(self.stats, tell))
        self._route.flush_soon()

    async def usage(self, subjects: Sequence[Subject]) -> list[Usage]:
        """See ``Store.usage``."""
        step, begun_s = self._at_most, monotonic_s()
        chunks = [subjects[start : start + step] for start in range(0, len(subjects), step)]
        sha = self._scripts["usage"].sha
        questions = [(each[0], self._payloads.read(sha, each)) for each in chunks]
        replies = await self._ask(questions, durable=False)
        found: list[Usage] = []
        for chunk, reply in zip(chunks, replies, strict=True):
            items = reply if isinstance(reply, list) else [reply]
            if len(items) != len(chunk) and not isinstance(reply, StoreError):
                self._route.renew(chunk[0], "protocol")
                raise unreadable()
            found += [self._read_usage(*each) for each in zip(chunk, items, strict=False)]
        if found:
            self.stats.answered("usage", len(found), monotonic_s() - begun_s)
        return found

    async def replay(self, subject: Subject, terms: Terms, record: Replay, owner: bytes = b"") -> Usage:
        """See ``Store.replay``."""
        return await self._change("replay", subject, terms, pack_replay(1, record), owner)

    async def adjust(self, subject: Subject, terms: Terms, change: TopUp | Reset) -> Usage:
        """See ``Store.adjust``."""
        return await self._change("adjust", subject, terms, pack_adjustment(1, change), b"")

    async def history(self, subjects: Sequence[Subject]) -> list[History]:
        """See ``Books.history``."""
        return await self._archive.history(subjects)

    async def attribute(self, portions: Sequence[Portion]) -> list[StoreError | None]:
        """See ``Books.attribute``."""
        return await self._archive.attribute(portions)

    async def attributed(
        self, subject: Subject, day_ends_us: Sequence[int], secret_id: str = ""
    ) -> dict[int, Mapping[str, int]]:
        """See ``Books.attributed``."""
        return await self._archive.attributed(subject, day_ends_us, secret_id)

    async def forget(self, plan_id: str = "", secret_id: str = "", apis: ApisOf = NO_APIS) -> int:
        """See ``Books.forget``."""
        return await erase(self._route.links, Doomed(self._namespace, plan_id, secret_id, apis))

    async def _change(self, verb: str, subject: Subject, terms: Terms, told: bytes, owner: bytes) -> Usage:
        begun_s = monotonic_s()
        try:
            payload = self._payloads.change(self._scripts[verb].sha, subject, terms, told, owner)
        except ValueError as error:
            raise StoreError("script", str(error), executed=False) from None
        (reply,) = await self._ask([(subject, payload)], durable=True)
        usage = self._read_usage(subject, reply[0] if isinstance(reply, list) and len(reply) == 1 else reply)
        self.stats.answered(verb, 1, monotonic_s() - begun_s)
        return usage

    def _read_usage(self, subject: Subject, item: object) -> Usage:
        if isinstance(item, bytes):
            return unpack_usage(item)
        error = understand(self._route, subject, item)
        self.stats.failed(error.kind)
        raise error

    async def _ask(self, questions: Sequence[tuple[Tagged, bytes]], durable: bool) -> list[object]:
        """Script calls beside the requests, each sent to its Subject: the replies in their order.

        ``durable``: see ``Link.send``. A call that failed has a StoreError in its place. Raises StoreError
        (``deadline``) when not all were answered in time.
        """
        if not questions:
            return []
        inquiry = Inquiry(self._loop, len(questions))
        for place, (subject, payload) in enumerate(questions):
            self._route.post(subject, payload, inquiry.at(place), durable)
        self._route.flush()
        try:
            async with asyncio.timeout(self._asked_s):
                return await inquiry.all
        except TimeoutError:
            self.stats.failed("deadline")
            raise StoreError("deadline", "the store did not answer in time", executed=None) from None
