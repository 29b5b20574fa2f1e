"""What all connections of one listener share."""

import os
from typing import Final, Protocol

from quotad.clock import MonotonicClock, WallClock, wall_s
from quotad.config.model import Listen
from quotad.core.auth_failures import AuthFailures
from quotad.core.client_address import FOR, FORWARDED, Networks, Origin, plain_address
from quotad.core.outcome import Outcome
from quotad.core.plans import Subject
from quotad.core.verdict import Admission, Verdict
from quotad.dataplane.fleet import Upstreams
from quotad.dataplane.flow import DateLine, Wheel
from quotad.dataplane.heads import Heads
from quotad.dataplane.nonces import FleetNonces, NonceTable
from quotad.dataplane.own_use import OwnUse
from quotad.dataplane.sampling import Sampler
from quotad.dataplane.settling import Desk
from quotad.dataplane.snapshot import Snapshot, SnapshotHolder


class Recorder(Protocol):
    """Who counts."""

    tunnels: int
    """Upgraded connections that are open now; whoever opens or ends one says so here."""

    def record(self, outcome: Outcome) -> None:
        """One request has ended, in whichever way. Called once for each."""

    def shadow(self, subject: Subject, verdict: str) -> None:
        """A shadow plan would have said this of one request.

        ``admitted``, the limit that would have refused it (``rate``, ``day``, ``month``, ``total``), or
        ``store``: it was not asked in time.
        """


class Shares(Protocol):
    """Who keeps use by Secret (``quotad.engine.shares.ShareBook``)."""

    def count(self, verdict: Verdict, secret_id: str) -> None:
        """A request of this Secret used the unit of an admission that is not settled yet."""


_LAST_DIGITS: Final = [f"{number:02x}" for number in range(256)]


class Plane:
    """The parts that an exchange works with. Made on the event loop that will use it."""

    __slots__ = (
        "_id_beginning",
        "_id_high",
        "admission",
        "auth_failures",
        "clock",
        "date",
        "desk",
        "drain_idle_s",
        "draining",
        "fleet_nonces",
        "heads",
        "id_prefix",
        "idle_s",
        "listen",
        "networks",
        "nonces",
        "own_use",
        "recorder",
        "requests",
        "sampler",
        "shadows_waiting",
        "shares",
        "snapshot",
        "upstreams",
        "wall",
        "wheel",
    )

    def __init__(
        self,
        listen: Listen,
        snapshot: SnapshotHolder,
        admission: Admission,
        recorder: Recorder,
        wheel: Wheel,
    ) -> None:
        self.listen = listen
        self.snapshot = snapshot
        self.admission = admission
        self.recorder = recorder
        self.wheel = wheel
        self.clock: MonotonicClock = wheel.clock
        self.wall: WallClock = wall_s
        self.date = DateLine()
        self.desk: Desk | None = None
        """Of a port on which other proxies ask; None: callers' requests are served."""
        self.own_use: OwnUse | None = None
        """Who tells callers what they have in use; None: nobody does."""
        self.sampler: Sampler | None = None
        """Who says which requests are recorded as spans; None: none are."""
        self.shares: Shares | None = None
        """Who keeps use by Secret where Secrets share counters; None: nobody does."""
        self.nonces = NonceTable(wheel.clock)
        self.fleet_nonces: FleetNonces | None = None
        """Who keeps signatures' nonces for all processes; None: nobody does, so none is taken for new."""
        self.id_prefix = os.urandom(6).hex()
        """Of request ids: unlike any other process's."""
        self.requests = 0
        """How many were received; the other part of their ids."""
        self._id_high, self._id_beginning = -1, ""
        """All of an id but its last two digits, and the number that these digits would follow."""
        self.shadows_waiting = 0
        """Shadow plans that were asked and have not answered."""
        self.heads = Heads(listen.target_bytes, listen.header_count)
        self.upstreams = Upstreams(wheel, self.heads.responses)
        self.networks = Networks(listen.trusted_proxies)
        rule = listen.auth_failures
        self.auth_failures = None if rule is None else AuthFailures(rule.per_minute, rule.burst)
        """Who has failed to say who it is, and how often; None: nobody is slowed."""
        self.draining = False
        """True: connections close after the answer that is being made."""
        self.idle_s = listen.idle_timeout_s
        """How long a connection may be idle."""
        self.drain_idle_s = 0.0
        """While draining: how long a connection may still be idle, or send nothing after it was made."""

    def origin(self, address: str, tls: bool) -> Origin:
        """Who is at the other end of a connection."""
        plain = plain_address(address)
        networks = self.networks if plain and self.networks.trust(plain) else None
        header = FORWARDED if self.listen.trusted_header == "forwarded" else FOR
        return Origin(plain, "https" if tls else "http", networks, header)

    def next_id(self) -> str:
        """The id of a new request: ``id_prefix``, and its number in hexadecimal digits, eight or more."""
        self.requests = number = self.requests + 1
        if number >> 8 != self._id_high:
            self._id_high = number >> 8
            self._id_beginning = f"{self.id_prefix}{self._id_high:06x}"
        return self._id_beginning + _LAST_DIGITS[number & 0xFF]

    def adopt(self, snapshot: Snapshot) -> None:
        """Backends that this Snapshot names are there from now on, those that it does not name go."""
        self.upstreams.adopt(snapshot.entries)
