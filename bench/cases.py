"""What is measured, with how many callers, and for how long."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of traffic."""

    name: str
    title: str
    callers: int
    connections: int
    signed: bool = False
    """True: HMAC signatures instead of the key pair; only peers that check them take part."""
    distinct: bool = False
    """True: no two requests have the same path or the same headers, so that nothing read is met again."""
    leases: bool = False
    """True: the plan lets quotad take units ahead; no other peer can."""
    workers: int = 1
    supervised: bool = False
    """True: quotad's worker has a supervisor over it, as with two and more."""
    embedded: bool = False
    """True: quotad starts a store of its own."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long and how often; figures are medians over the rounds.

    Many short rounds rather than few long ones: a shared machine's speed drifts over minutes, and
    peers are compared within a round.
    """

    rounds: int
    warm_s: int
    measured_s: int


CASES = {
    case.name: case
    for case in (
        Case("pair", "key pair in headers, 200 callers, 32 connections", 200, 32),
        Case("distinct", "as pair, no two requests alike", 200, 32, distinct=True),
        Case("signed", "HMAC-signed, 200 callers, 32 connections", 200, 32, signed=True),
        Case("crowd", "key pair in headers, 4 callers, 128 connections", 4, 128),
        Case("leases", "leases, 200 callers, 32 connections", 200, 32, leases=True),
    )
}

FULL = Effort(rounds=9, warm_s=1, measured_s=4)
QUICK = Effort(rounds=3, warm_s=1, measured_s=2)

PROXY_CORE = 0
"""Holds the proxy alone."""
OTHER_CORE = 1
"""Holds the backend, the load tool and Redis."""

POOL_SIZE = 128
"""Connections to the backend, and idle ones kept, alike for every peer that lets it be set."""
