"""Which node of a Cluster owns which slot. Decides from what nodes say; asks nobody."""

from binascii import crc_hqx
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from quotad.core.plans import Tagged

SLOTS = 16_384

_MEMBERS_AT_MOST = 4096
"""Four times what a Cluster is meant for: a server that lies must not make us connect to the whole world."""
_KEPT = 65_536
"""Slots that are kept; a table with more Subjects starts over now and then."""


@dataclass(frozen=True)
class SlotMap:
    """The address (``host:port``) of each slot's primary; empty where nobody is known to own it."""

    owners: tuple[str, ...] = ("",) * SLOTS
    others: frozenset[str] = frozenset()
    """Addresses of nodes that own nothing: replicas, which may be asked for their view."""

    @cached_property
    def addresses(self) -> frozenset[str]:
        """Every node that owns a slot."""
        return frozenset(self.owners) - {""}

    @cached_property
    def complete(self) -> bool:
        """Whether every slot has an owner."""
        return "" not in self.owners

    def moved(self, slot: int, address: str) -> "SlotMap":
        """The same map but for one slot. The former owner may still be asked for its view."""
        owners = (*self.owners[:slot], address, *self.owners[slot + 1 :])
        return SlotMap(owners, self.others | {self.owners[slot]} - {""})


@dataclass(frozen=True, slots=True)
class Claim:
    """What a node says: this range of slots belongs to that address since this configuration epoch."""

    first: int
    last: int
    address: str
    epoch: int


@dataclass(frozen=True, slots=True)
class View:
    """All that one node says of the Cluster."""

    address: str
    """Its own, as clients shall know it."""
    claims: tuple[Claim, ...]
    others: frozenset[str] = frozenset()
    """Replicas."""
    well: bool = True
    """False: ``cluster_state`` is not ``ok``. It may be cut off from the majority, so it is not trusted."""


def merge(views: Iterable[View], doubted: frozenset[str] = frozenset()) -> SlotMap | None:
    """The newest claim on each slot of all that trustworthy nodes make; None when there is no such node.

    As within the Cluster itself, of two claims the one with the higher configuration epoch is the newer:
    a node that slept through a failover claims its slots with the old one. What a node in doubt says of
    itself is not taken, unless nobody else says anything: it may just have woken up.
    """
    trusted = [view for view in views if view.well]
    if not trusted:
        return None
    alone = len(trusted) == 1
    claims = {
        claim
        for view in trusted
        for claim in view.claims
        if alone or claim.address != view.address or claim.address not in doubted
    }
    owners = [""] * SLOTS
    for claim in sorted(claims, key=lambda claim: claim.epoch):
        owners[claim.first : claim.last + 1] = [claim.address] * (claim.last + 1 - claim.first)
    others = frozenset[str]().union(*(view.others for view in trusted))
    return SlotMap(tuple(owners), others - set(owners))


def read_view(asked: str, info: bytes, nodes: bytes, slots: object) -> View:
    """One node's view, from its replies to CLUSTER INFO, CLUSTER NODES and CLUSTER SLOTS at ``asked``.

    SLOTS says where clients shall connect to (``cluster-preferred-endpoint-type``), NODES knows the
    configuration epochs. Raises ValueError when these are not the replies of a Cluster's node.
    """
    lines = nodes.decode("utf-8", "replace").splitlines()
    epochs = dict(_epochs(lines))
    claims: list[Claim] = []
    members: dict[str, str] = {}
    others: set[str] = set()
    for row in slots if isinstance(slots, list) else []:
        match row:
            case [int(first), int(last), primary, *replicas] if 0 <= first <= last < SLOTS:
                name, owner = _member(primary, asked)
                members[name] = owner
                claims.append(Claim(first, last, owner, epochs.get(name, 0)))
                for replica in replicas:
                    name, address = _member(replica, asked)
                    members[name] = address
                    others.add(address)
            case _:
                raise ValueError("not a reply to CLUSTER SLOTS")
    if len(members) > _MEMBERS_AT_MOST:
        raise ValueError("more nodes than a Cluster has")
    own = next((line.split(" ", 1)[0] for line in lines if "myself" in line.split(" ")[2]), "")
    return View(members.get(own, asked), tuple(claims), frozenset(others), b"cluster_state:ok" in info)


def _epochs(lines: Iterable[str]) -> Iterable[tuple[str, int]]:
    """``<id> <address> <flags> <primary> <ping> <pong> <config-epoch> <link> <slot> ...``."""
    for line in lines:
        words = line.split(" ")
        if len(words) < 8 or not words[6].isdigit():
            raise ValueError("not a reply to CLUSTER NODES")
        yield words[0], int(words[6])


def _member(words: object, asked: str) -> tuple[str, str]:
    """A node's id and address. One that has no name for itself is reached where it was asked."""
    match words:
        case [host, int(port), bytes(name), *_] if host is None or isinstance(host, bytes):
            given = host.decode("ascii", "replace") if host else ""
            return name.decode("ascii", "replace"), join(given if given != "?" else "", port, asked)
        case _:
            raise ValueError("not a reply to CLUSTER SLOTS")


def join(host: str, port: int, asked: str) -> str:
    """``host:port``; an empty host is that of the node which said so (Redis: "unknown endpoint")."""
    return f"{host or split(asked)[0]}:{port}"


def split(address: str) -> tuple[str, int]:
    """The host and port of an address."""
    host, _, port = address.rpartition(":")
    return host, int(port)


class SlotBook:
    """The slot of each Subject, worked out once."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def slot(self, subject: Tagged) -> int:
        """The slot of all keys of a Subject: that of its tag, which stands in braces in each of them."""
        slot = self._known.get(subject.tag)
        if slot is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            slot = self._known[subject.tag] = crc_hqx(subject.tag.encode(), 0) % SLOTS
        return slot
