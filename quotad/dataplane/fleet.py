"""The backends of a route: which serves the next request, which were lost, which are new."""

from collections.abc import Iterable
from ipaddress import ip_address
from random import random
from typing import NamedTuple, Protocol

from quotad.config.model import UpstreamAddress
from quotad.core.balance import Rotation
from quotad.core.retry import RetryBudget
from quotad.dataplane.backend import Backend
from quotad.dataplane.checker import Checker
from quotad.dataplane.flow import Wheel
from quotad.dataplane.resolver import Name, Resolver
from quotad.dataplane.spec import FleetSpec, Key, Spec
from quotad.dataplane.upstream import Responses


class Place(Protocol):
    """A route, as ``snapshot.Entry`` has it."""

    fleet: "Fleet | None"
    """None until somebody asks for it."""
    fleet_spec: FleetSpec


class Row(NamedTuple):
    """What metrics tell of one backend."""

    upstream: str
    out: bool
    ejections: int
    connections: int
    waiting: int


class Fleet:
    """The backends of a route, or of several with the same ones."""

    __slots__ = ("_backends", "_budget", "_names", "_rotation", "_spec", "_upstreams")

    _rotation: Rotation[Backend]

    def __init__(self, spec: FleetSpec, upstreams: "Upstreams") -> None:
        self._spec = spec
        self._upstreams = upstreams
        self._backends: dict[Key, Backend] = {}
        rule = spec.rule
        self._budget = RetryBudget(rule.retry.budget_percent, upstreams.wheel.clock())
        self._names: dict[str, Name] = {}
        for address in rule.upstreams:
            if is_name(address) and address.host not in self._names:
                name = upstreams.resolver.name(address.host, rule.dns_refresh_s)
                self._names[address.host] = name
                name.watchers.append(self.renew)
        self._gather(0)

    def pick(self) -> Backend:
        """Whoever serves the next request."""
        return self._rotation.pick()

    def next_unsent(self, tried: list[Backend]) -> Backend | None:
        """Whoever serves a request that nobody was sent yet; None: it was tried often enough."""
        if len(tried) > self._spec.rule.retry.most:
            return None
        found = self._rotation.other(tried)
        if found is not None:
            self._upstreams.retries["unsent"] += 1
        return found

    def next_unanswered(self, tried: list[Backend], stale: bool) -> Backend | None:
        """Whoever serves a request that was sent, not answered, and may be sent again.

        ``stale``: it was sent over a kept connection, so that its backend may serve it after all. None:
        nobody is left, or it, or all requests together, were tried often enough.
        """
        if len(tried) > self._spec.rule.retry.most:
            return None
        found = self._rotation.other(tried)
        if found is None and stale:
            found = tried[-1]
        if found is None:
            return None
        taken = self._budget.take(self._rotation.picks, self._upstreams.wheel.clock())
        self._upstreams.retries["unanswered" if taken else "over_budget"] += 1
        return found if taken else None

    def renew(self) -> None:
        """Names have other addresses than before: their backends come and go, the others stay."""
        self._gather(self._rotation.picks)

    def let_go(self) -> None:
        """No route has it any more; what goes on ends with the backends that it has now."""
        for name in self._names.values():
            name.watchers.remove(self.renew)
            self._upstreams.resolver.let_go(name)
        for backend in self._backends.values():
            self._upstreams.give_back(backend)

    def _gather(self, picks: int) -> None:
        rule, before = self._spec.rule, self._backends
        found: dict[Key, Backend] = {}
        for address in rule.upstreams:
            name = self._names.get(address.host)
            for spec in self._spec.specs(address, () if name is None else name.addresses):
                if spec.key not in found:
                    kept = before.get(spec.key)
                    found[spec.key] = self._upstreams.take(spec) if kept is None else kept
        self._backends = found
        least = rule.balance == "least-requests"
        wheel = self._upstreams.wheel
        self._rotation = Rotation(list(found.values()), least, rule.health.panic_percent, wheel.clock, random)
        self._rotation.picks = picks
        for key, backend in before.items():
            if key not in found:
                self._upstreams.give_back(backend)


class Upstreams:
    """Every backend of this process: those that a new configuration still names outlive the old one."""

    def __init__(self, wheel: Wheel, responses: Responses) -> None:
        self.wheel = wheel
        self._responses = responses
        self.resolver = Resolver(wheel.clock)
        self.retries = {"unsent": 0, "unanswered": 0, "over_budget": 0}
        """Tries after the first: of requests that were not sent, of those that were and got no answer; and
        those of the latter that the budget did not allow."""
        self._backends: dict[Key, Backend] = {}
        self._checkers: dict[Key, Checker] = {}
        self._fleets: dict[Key, Fleet] = {}

    def fleet(self, place: Place) -> Fleet:
        """The Fleet of a route."""
        key = place.fleet_spec.key
        fleet = self._fleets.get(key)
        if fleet is None:
            fleet = self._fleets[key] = Fleet(place.fleet_spec, self)
        place.fleet = fleet
        return fleet

    def adopt(self, places: Iterable[Place]) -> None:
        """These are the routes from now on: what they need is there, and what only others needed goes."""
        wanted = set()
        for place in places:
            self.fleet(place)
            wanted.add(place.fleet_spec.key)
        for key in self._fleets.keys() - wanted:
            self._fleets.pop(key).let_go()

    def take(self, spec: Spec) -> Backend:
        """The Backend of a Spec, for one more Fleet."""
        backend = self._backends.get(spec.key)
        if backend is None:
            backend = self._backends[spec.key] = Backend(spec, self.wheel, self._responses)
            if spec.health.check is not None:
                self._checkers[spec.key] = checker = Checker(backend, spec.health.check, random)
                checker.start()
        backend.users += 1
        return backend

    def give_back(self, backend: Backend) -> None:
        """A Fleet has it no more."""
        backend.users -= 1
        if not backend.users:
            key = backend.spec.key
            del self._backends[key]
            checker = self._checkers.pop(key, None)
            if checker is not None:
                checker.stop()
            backend.retire()

    def rows(self) -> list[Row]:
        """What metrics tell, a row for each backend."""
        now_s = self.wheel.clock()
        return [
            Row(
                backend.name,
                backend.health.is_out(now_s),
                backend.health.ejections,
                backend.connections,
                backend.waiting,
            )
            for backend in self._backends.values()
        ]

    def close(self) -> None:
        """Close what is idle everywhere, and ask nobody any more."""
        self.resolver.close()
        for checker in self._checkers.values():
            checker.stop()
        for backend in self._backends.values():
            backend.close()


def is_name(address: UpstreamAddress) -> bool:
    """Whether its addresses must be asked for."""
    if address.path:
        return False
    try:
        ip_address(address.host)
    except ValueError:
        return True
    return False
