"""The Route to a Redis Cluster: a link per primary, each call to the owner of its slot."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from quotad.core.plans import Tagged
from quotad.errors import StoreError
from quotad.store import passwords, topology
from quotad.store.endpoint import Endpoint
from quotad.store.link import Link, LinkOptions
from quotad.store.overview import Overview
from quotad.store.passage import REDIRECTS_AT_MOST, Node, Passage
from quotad.store.resp import RedirectError
from quotad.store.route import unfit
from quotad.store.slots import SlotBook, SlotMap, join, split
from quotad.store.survey import Surveyor
from quotad.store.wire import Sink

_PAUSE_S = 0.005
"""Before a call is sent again whose keys are just moving from one node to another."""
_MOVED_S = 1.0
"""Within which the whole map is asked for after one slot was found elsewhere."""
_LEADER_S = 1.0
_STRANGERS_AT_MOST = 16
"""Nodes that only redirects know of: a server that lies must not make us connect to the whole world."""
_BLIND = frozenset({"broken", "clusterdown", "disconnected", "loading", "masterdown", "readonly", "stuck"})
"""Kinds after which another node may own the slot."""


class Cluster:
    """See ``route.Route``. Links are made to every primary as soon as it is known.

    After a missed deadline or a broken connection a node is believed again only when other nodes name
    it once more as an owner (``overview``); who lost all slots is left at once, its open calls may have run.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        place: topology.ClusterPlace,
        options: LinkOptions,
        *,
        password_file: Path | None,
        allow_eviction: bool,
    ) -> None:
        self._loop = loop
        self._place = place
        # MOVED says that one slot is elsewhere, not that this connection is of no use.
        self._options = replace(options, inspect=self._inspect, renewing=options.renewing - {"moved"})
        self._password_file = password_file
        self._allow_eviction = allow_eviction
        self._overview = Overview(Surveyor(place.tls), self, self._login)
        self._slots = SlotBook()
        self._map = SlotMap()
        self._nodes: dict[str, Node] = {}
        self._posted: list[Node] = []
        self._flush_due = False
        self._parked: list[Passage] = []
        self._paused: dict[Passage, StoreError] = {}
        self._retiring: set[asyncio.Task[None]] = set()
        self._past_reconnects = 0
        self._closed = False
        self._last_us = 0
        self._leader: Link | None = None
        self._leads_until_s = 0.0
        self.redirects = 0
        """How often a call was sent on to another node."""
        self.facts: topology.Facts | None = None
        """See ``Route.facts``."""

    @property
    def subjects_per_call(self) -> int:
        """See ``Route.subjects_per_call``. A script may touch one slot only."""
        return 1

    @property
    def ready(self) -> bool:
        """See ``Route.ready``: every slot has an owner, and there is a connection to each of them."""
        return self._map.complete and not self._closed and self._all_linked()

    @property
    def reconnects(self) -> int:
        """See ``Route.reconnects``."""
        return self._past_reconnects + sum(node.link.reconnects for node in self._nodes.values())

    def now_us(self) -> int | None:
        """See ``Route.now_us``: by the node whose clock is ahead of the others', looked for once a second.

        Nodes' clocks differ by little; a Subject's decisions take its own node's alone.
        """
        now_s = self._loop.time()
        if self._leader is None or now_s >= self._leads_until_s:
            self._leads_until_s = now_s + _LEADER_S
            heard = [(node.link.now_us() or 0, node.link) for node in self._nodes.values()]
            self._leader = max(heard, key=lambda each: each[0], default=(0, None))[1]
        now_us = self._leader.now_us() if self._leader is not None else None
        self._last_us = max(self._last_us, now_us or 0)
        return self._last_us or None

    def post(self, subject: Tagged, payload: bytes, sink: Sink, durable: bool = True) -> None:
        """See ``Route.post``."""
        expires_s = self._loop.time() + self._options.deadline_s
        self._send(Passage(self, self._slots.slot(subject), payload, sink, expires_s, durable))

    def flush(self) -> None:
        """See ``Route.flush``."""
        self._flush_due = False
        posted, self._posted = self._posted, []
        for node in posted:
            node.posted = False
            node.link.flush()

    def flush_soon(self) -> None:
        """See ``Route.flush_soon``."""
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self.flush)

    def way(self, subject: Tagged) -> tuple[object, ...]:
        """See ``Route.way``."""
        address = self._map.owners[self._slots.slot(subject)]
        node = self._nodes.get(address)
        return (address, node.link.reconnects if node is not None else 0, self.redirects)

    def links(self) -> Sequence[Link]:
        """See ``Route.links``: one per primary."""
        if not self.ready:
            raise _never("clusterdown", "not every node of the Cluster can be reached")
        return [self._nodes[address].link for address in self._map.addresses]

    def renew(self, subject: Tagged, kind: str) -> None:
        """See ``Route.renew``."""
        self._overview.ask()
        node = self._nodes.get(self._map.owners[self._slots.slot(subject)])
        if node is not None:
            node.link.renew(kind)

    async def start(self) -> None:
        """See ``Route.start``. Ends when the first survey has, and the first attempts to connect."""
        self._overview.start()
        await self._overview.attempted.wait()
        for node in list(self._nodes.values()):
            await node.link.wait_attempt()
        refused = unfit([self._overview, *(node.link for node in self._nodes.values())])
        if refused is not None:
            await self.close()
            raise refused

    async def close(self) -> None:
        """See ``Route.close``."""
        self._closed = True
        self.flush()
        await asyncio.gather(*(node.link.close() for node in self._nodes.values()), *self._retiring)
        await self._overview.stop()
        self._nodes.clear()
        paused, self._paused = self._paused, {}
        for passage in (*self._take_parked(), *paused):
            passage.fail(_never("closed", "the store was closed"))

    # Where calls go.

    def _send(self, passage: Passage, *, to: Node | None = None, asking: bool = False) -> None:
        node = to or self._nodes.get(self._map.owners[passage.slot])
        passage.node = node
        if node is None:
            self._park(passage)
            return
        node.link.post(passage.payload, passage, passage.durable, asking=asking)
        if not node.posted:
            node.posted = True
            self._posted.append(node)

    def _park(self, passage: Passage) -> None:
        """Nobody is known to own its slot: it waits for the next survey, or its deadline."""
        if self._closed:
            self._loop.call_soon(passage.fail, _never("closed", "the store was closed"))
        elif len(self._parked) >= self._options.queued_calls:
            self._loop.call_soon(passage.fail, _never("overflow", "too much waits for the store"))
        else:
            self._parked.append(passage)
            self._overview.ask()
            if len(self._parked) == 1:
                self._loop.call_at(passage.expires_s, self._expire_parked)

    def _expire_parked(self) -> None:
        now_s, error = self._loop.time(), self._overview.last_error
        for passage in self._take_parked():
            if passage.expires_s > now_s:
                self._park(passage)
            elif error is None:
                passage.fail(_never("clusterdown", "no node of the Cluster owns the slot"))
            else:
                passage.fail(_never(error.kind, str(error)))

    def _take_parked(self) -> list[Passage]:
        parked, self._parked = self._parked, []
        return parked

    def again(self, passage: Passage, error: StoreError) -> bool:
        """See ``passage.Traffic``. Only what surely did not run is sent again."""
        if error.kind in _BLIND:
            self._overview.ask()
        if isinstance(error, RedirectError):
            return self._follow(passage, error)
        if error.executed is not False or self._ended(passage):
            return False
        if error.kind == "tryagain":
            self._paused[passage] = error
            self._loop.call_later(_PAUSE_S, self._resend, passage)
            return True
        owner = self._nodes.get(self._map.owners[passage.slot])
        return owner is not None and owner is not passage.node and self._redirect(passage, owner)

    def _follow(self, passage: Passage, error: RedirectError) -> bool:
        asked = passage.node
        if asked is None or not 0 < error.port < 65536:
            return False
        address = join(error.host, error.port, asked.address)
        node = self._nodes.get(address) or self._meet(address)
        if node is None:
            return False
        if error.kind == "moved":
            self._overview.ask(_MOVED_S)
            if self._map.owners[passage.slot] != address:
                self._map = self._map.moved(passage.slot, address)
        return not self._ended(passage) and self._redirect(passage, node, asking=error.kind == "ask")

    def _redirect(self, passage: Passage, node: Node, *, asking: bool = False) -> bool:
        if passage.redirects >= REDIRECTS_AT_MOST:
            return False
        passage.redirects += 1
        self.redirects += 1
        passage.watch(self._loop)
        self._send(passage, to=node, asking=asking)
        self.flush_soon()
        return True

    def _resend(self, passage: Passage) -> None:
        error = self._paused.pop(passage, None)
        if error is not None and self._ended(passage):
            passage.fail(error)
        elif error is not None:
            passage.redirects = 0
            passage.watch(self._loop)
            self._send(passage)
            self.flush_soon()

    def _ended(self, passage: Passage) -> bool:
        return self._closed or passage.late or self._loop.time() >= passage.expires_s

    # Who is there (overview.Surveyed).

    def known(self) -> frozenset[str]:
        """Addresses to ask: the nodes of the last survey, and those of the URL."""
        return self._map.addresses | self._map.others | frozenset(self._place.starts)

    def doubted(self) -> frozenset[str]:
        """Nodes that missed a deadline, or that cannot be reached."""
        return frozenset(
            node.address for node in self._nodes.values() if node.doubted >= 0 or not node.link.ready
        )

    def troubled(self) -> bool:
        """Whether some slots have no primary that works."""
        return not self._map.complete or bool(self._parked) or not self._all_linked()

    def on_surveyed(self, found: SlotMap, number: int) -> None:
        """Take over what a survey found: leave who lost all slots, believe who is still named."""
        if self._closed:
            return
        self._map = found
        for address in self._nodes.keys() - found.addresses:
            self._retire(self._nodes.pop(address))
        for address in found.addresses:
            node = self._nodes.get(address) or self._add(address)
            if 0 <= node.doubted < number:
                node.doubted = -1
                host, port = split(address)
                node.link.confirm(host, port)
        for passage in self._take_parked():
            self._send(passage)
        self.flush()

    def on_blind(self, error: StoreError) -> None:
        """Nobody trustworthy answered: what was known stands, who is in doubt stays so."""

    def _all_linked(self) -> bool:
        return all(
            (node := self._nodes.get(address)) is not None and node.link.ready
            for address in self._map.addresses
        )

    def _meet(self, address: str) -> Node | None:
        """A node that only a redirect knows: the next survey finds it, or it is left again."""
        if len(self._nodes) >= len(self._map.addresses) + _STRANGERS_AT_MOST or self._closed:
            return None
        return self._add(address)

    def _add(self, address: str) -> Node:
        node = Node(address)
        options = replace(self._options, doubt=partial(self._doubt, node))
        node.link = Link(self._loop, partial(self._locate, node), options)
        node.link.start()
        self._nodes[address] = node
        return node

    def _doubt(self, node: Node) -> None:
        node.doubted = self._overview.begun
        self._overview.ask()

    def _retire(self, node: Node) -> None:
        self._past_reconnects += node.link.reconnects + 1
        if self._leader is node.link:
            self._leader = None
        task = self._loop.create_task(node.link.close())
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def _locate(self, node: Node) -> Endpoint:
        node.attempts += 1
        if node.attempts > 1:
            await self._overview.confirmed()
        host, port = split(node.address)
        return replace(self._login(), host=host, port=port)

    def _login(self) -> Endpoint:
        if self._password_file is None:
            return self._place.login
        return replace(self._place.login, password=passwords.read(self._password_file))

    def _inspect(self, endpoint: Endpoint, info: bytes) -> None:
        self.facts = topology.judge(endpoint, info, self._allow_eviction)


def _never(kind: str, message: str) -> StoreError:
    return StoreError(kind, message, executed=False)
