"""After a 101: bytes go both ways as they come, and what they mean is no longer ours (RFC 9110, 7.8).

Whoever is slow to take them slows the other side down; each side may end on its own.
"""

from math import inf
from typing import Protocol

from quotad.clock import MonotonicClock
from quotad.dataplane.flow import EMPTY, Flow, Timed, Wheel
from quotad.dataplane.relay import Caller

ENDED = ""
IDLE = "tunnel_idle"
CUT = "upstream_reset"
"""How a tunnel ends: both sides said so, nothing came for too long, or the backend's side broke."""


class Near(Caller, Protocol):
    """The caller's connection."""

    source: Flow | None
    ending: bool

    def write_eof(self) -> None:
        """Say that no more will be sent; what comes is still taken."""


class Far(Protocol):
    """The backend's connection."""

    ahead: bytes
    giver: Flow | None
    write_paused: bool

    def write(self, data: bytes) -> None:
        """Send."""

    def write_eof(self) -> None:
        """Say that no more will be sent."""

    def answer_by(self, deadline_s: float) -> None:
        """Until when it must have taken something; infinite: it need not."""

    def pause_flow(self) -> None:
        """Read no more for now."""

    def resume_flow(self) -> None:
        """Read on."""


class TunnelOwner(Protocol):
    """The exchange whose tunnel this is."""

    def on_tunnel_over(self, how: str) -> None:
        """Neither side will send any more, or may: ``ENDED``, ``IDLE`` or ``CUT``. Told once."""


class Tunnel:
    """Two connections, joined. Also the backend's ``Sink`` and ``Flow``."""

    __slots__ = (
        "_clock",
        "_far",
        "_far_ended",
        "_idle",
        "_idle_s",
        "_near",
        "_near_ended",
        "_over",
        "_owner",
        "_stall_s",
        "bytes_in",
        "bytes_out",
        "inlet",
    )

    def __init__(self, near: Near, far: Far, owner: TunnelOwner, idle_s: float, stall_s: float) -> None:
        """``idle_s``: without a byte either way; ``stall_s``: how long the backend may take nothing."""
        self._near = near
        self._far = far
        self._owner = owner
        self._idle_s = idle_s
        self._stall_s = stall_s
        self._near_ended = self._far_ended = self._over = False
        self.inlet = _Inlet(self)
        self._idle = _Idle(self)
        self.bytes_in = 0
        """From the caller."""
        self.bytes_out = 0
        """To the caller."""

    def start(self, head: bytes, wheel: Wheel) -> None:
        """Send the 101's head and what either side sent ahead of it; from here on bytes flow.

        What the caller sent before it was told waited until now, to its bound.
        """
        near, far = self._near, self._far
        self._clock: MonotonicClock = wheel.clock
        early, near.ahead = near.ahead, EMPTY
        first, far.ahead = far.ahead, EMPTY
        self.bytes_in, self.bytes_out = len(early), len(first)
        near.inlet = self.inlet
        near.source = far
        far.giver = self
        far.answer_by(inf)
        near.write(head + first)
        if early:
            far.write(early)
        if far.write_paused:
            self.pause_flow()
        else:
            near.resume_flow()
        wheel.arm(self._idle, wheel.clock() + self._idle_s)
        if near.ending:
            self.on_caller_end()

    def stop(self) -> None:
        """Nothing goes through any more."""
        self._over = True
        self._idle.deadline_s = inf
        self._idle.tunnel = None
        near, far = self._near, self._far
        if near.inlet is self.inlet:
            near.inlet = None
        near.source = far.giver = None

    # From the caller

    def take(self, data: bytes) -> None:
        """Bytes from the caller."""
        self.bytes_in += len(data)
        self._idle.deadline_s = self._clock() + self._idle_s
        self._far.write(data)

    def on_caller_end(self) -> None:
        """The caller sends no more; the backend still may."""
        if not self._near_ended:
            self._near_ended = True
            self._far.write_eof()
            self._settle_end()

    def pause_flow(self) -> None:
        """The backend is slow to take it: it must move, in its own time."""
        self._near.pause_flow()
        self._far.answer_by(self._clock() + self._stall_s)

    def resume_flow(self) -> None:
        """The backend takes more."""
        self._near.resume_flow()
        self._far.answer_by(inf)

    # From the backend (``upstream.Sink``)

    def on_data(self, data: bytes) -> None:
        """Bytes from the backend."""
        self.bytes_out += len(data)
        self._idle.deadline_s = self._clock() + self._idle_s
        self._near.write(data)

    def on_end(self) -> bool:
        """The backend sends no more; answers whether it may still take something."""
        if not self._far_ended:
            self._far_ended = True
            self._near.write_eof()
            self._settle_end()
        return True

    def on_lost(self, clean: bool) -> None:
        """The backend's connection has ended, and not by an end that was told and answered."""
        self._end(ENDED if clean or self._far_ended else CUT)

    def on_idle(self) -> None:
        """Nothing came for too long."""
        self._end(IDLE)

    def _settle_end(self) -> None:
        if self._near_ended and self._far_ended:
            self._end(ENDED)

    def _end(self, how: str) -> None:
        if not self._over:
            self.stop()
            self._owner.on_tunnel_over(how)


class _Idle(Timed):
    """A Tunnel's deadline. The wheel keeps it for a while after its end, and must not keep the rest."""

    __slots__ = ("tunnel",)

    def __init__(self, tunnel: Tunnel) -> None:
        super().__init__()
        self.tunnel: Tunnel | None = tunnel

    def on_deadline(self, now_s: float) -> None:
        """Nothing came for too long."""
        if self.tunnel is not None:
            self.tunnel.on_idle()


class _Inlet:
    """The caller's side of a Tunnel: its bytes come by the same verb as the backend's."""

    __slots__ = ("_tunnel",)

    def __init__(self, tunnel: Tunnel) -> None:
        self._tunnel = tunnel

    def on_data(self, data: bytes) -> None:
        """The next bytes from the caller."""
        self._tunnel.take(data)
