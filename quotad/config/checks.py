"""Rules that span several sections of a file. Each adds every Problem that it finds."""

from collections.abc import Container, Iterable, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from quotad.config import schema, service_schema
from quotad.config.document import Document, Path_
from quotad.config.model import Address
from quotad.core.plans import Environment

if TYPE_CHECKING:
    from quotad.config.admin_schema import AdminSection
    from quotad.config.authorize_schema import AuthorizeSection


class ServiceNames:
    """Finds a service by id or unique name; knows also the services whose own fields are wrong."""

    def __init__(self, valid: Mapping[int, service_schema.ServiceSection], named: Iterable[str]) -> None:
        self.by_id = {service.service_id: service for service in valid.values()}
        self._ids_by_name: dict[str, list[str]] = {}
        for service in valid.values():
            name = service.service_name or service.service_id
            self._ids_by_name.setdefault(name, []).append(service.service_id)
        self._named = set(named)

    def find(self, reference: str, path: Path_, document: Document) -> service_schema.ServiceSection | None:
        """The service that ``reference`` names, or None, with a Problem unless it has its own."""
        if reference in self.by_id:
            return self.by_id[reference]
        ids = self._ids_by_name.get(reference, [])
        if len(ids) == 1:
            return self.by_id[ids[0]]
        if ids:
            document.refuse(path, f"{reference} is the name of {len(ids)} services; use an id")
        elif reference not in self._named:
            document.refuse(path, f"there is no service {reference}")
        return None

    def published(
        self, reference: str, environment: Environment, path: Path_, document: Document
    ) -> str | None:
        """The id of a service that is published in ``environment``, or None, with a Problem."""
        service = self.find(reference, (*path, "service"), document)
        if service is None:
            return None
        if all(environment != place.environment for place in service.environments):
            document.refuse((*path, "environment"), f"{service.service_id} is not published in {environment}")
            return None
        return service.service_id


def control_stands_alone(given: Iterable[str], document: Document) -> None:
    """What lives in the store does not stand in the file too: one of the two would be ignored."""
    for section in given:
        if section in ("services", "plans", "secrets", "bindings", "webhooks"):
            document.refuse((section,), "contradicts control: with it they live in the store, and only there")


def unique(section: str, field: str, values: Sequence[tuple[int, str]], document: Document) -> None:
    """No two items of a section have the same id."""
    first: dict[str, int] = {}
    for at, value in values:
        if value in first:
            document.refuse((section, at, field), f"{value} is taken by {section}[{first[value]}]")
        first.setdefault(value, at)


def routes_differ(routes: Mapping[int, schema.RouteSection], document: Document) -> None:
    """No two routes match the same host and prefix; every route can be called by somebody."""
    first: dict[tuple[str, str], int] = {}
    for at, route in routes.items():
        key = (route.host, route.path_prefix)
        if key in first:
            document.refuse(("routes", at), f"matches the same host and pathPrefix as routes[{first[key]}]")
        first.setdefault(key, at)
        forms = route.authentication
        if not (forms.hmac or forms.key_pair or forms.basic or forms.signature):
            document.refuse(
                ("routes", at, "authentication"), "one of hmac, keyPair, basic and signature must be on"
            )


def environments_have_rules(
    services: Mapping[int, service_schema.ServiceSection], plan_ids: Container[str], document: Document
) -> None:
    """Each environment has one set of rules at most, and its default plan exists."""
    for at, service in services.items():
        first: dict[Environment, int] = {}
        for place, section in enumerate(service.environments):
            path: Path_ = ("services", at, "environments", place)
            before = first.setdefault(section.environment, place)
            if section != service.environments[before]:
                document.refuse(path, f"{section.environment} stands in environments[{before}] otherwise")
            if section.default_plan is not None and section.default_plan not in plan_ids:
                document.refuse((*path, "defaultPlan"), f"there is no plan {section.default_plan}")


def admin_is_safe(admin: "AdminSection", document: Document, *, stored: bool) -> None:
    """Nobody without a token, except on loopback and on purpose.

    ``stored``: whether there are credentials in the control records, which are tokens enough.
    """
    certified = admin.tls is not None and bool(admin.tls.clients)
    if admin.token is not None or certified:
        if admin.unauthenticated_loopback:
            document.refuse(
                ("admin", "unauthenticatedLoopback"),
                "contradicts token; give one of the two" if admin.token else "contradicts tls.clients",
            )
    elif not admin.address.is_loopback:
        if admin.unauthenticated_loopback or not stored:
            document.refuse(("admin", "token"), "is required: the address is not on loopback")
    elif not admin.unauthenticated_loopback and not stored:
        document.refuse(("admin", "token"), "is required, or unauthenticatedLoopback: true")


def key_pairs_differ(admin: "AdminSection", document: Document) -> None:
    """No two key pairs of admins have the same id."""
    first: dict[str, int] = {}
    for at, pair in enumerate(admin.key_pairs):
        before = first.setdefault(pair.secret_id, at)
        if before != at:
            path: Path_ = ("admin", "keyPairs", at, "secretId")
            document.refuse(path, f"{pair.secret_id} is taken by keyPairs[{before}]")


def only_proxies_ask(authorize: "AuthorizeSection", workers: int, document: Document) -> None:
    """Nobody may ask by accident, and what is held can be settled."""
    path: Path_ = ("authorize",)
    if not authorize.address.is_loopback and authorize.proxies is None:
        document.refuse((*path, "proxies"), "is required: the address is not on loopback")
    named = authorize.headers
    if authorize.shape == "envoy" and (named.method or named.uri or named.host):
        document.refuse((*path, "headers"), "contradicts shape: envoy asks in the request's own words")
    if authorize.conditional == "settle" and workers > 1:
        words = "contradicts workers: a status may reach another worker than the one that holds the request"
        document.refuse((*path, "conditional"), words)


def routes_lead_somewhere(
    routes: Mapping[int, schema.RouteSection], authorize: bool, document: Document
) -> None:
    """A route without a backend is for those who ask on the ``authorize`` port."""
    for at, route in routes.items():
        if route.upstreams is None and not authorize:
            document.refuse(("routes", at, "upstreams"), "is required: there is no authorize section either")


def ports_differ(addresses: Iterable[tuple[str, Address | None]], document: Document) -> None:
    """No two listeners on one address."""
    first: dict[Address, str] = {}
    for section, address in addresses:
        if address is None or address.port == 0:
            continue
        if address in first:
            document.refuse((section, "address"), f"is the same as {first[address]}.address")
        first.setdefault(address, section)


class Reach(NamedTuple):
    """A binding's claim on one Secret in one environment."""

    plan_id: str
    at: int


def one_plan_each(
    bindings: Mapping[int, tuple[schema.BindingSection, list[str]]], document: Document
) -> None:
    """A Secret reaches one environment, or one Api there, through at most one plan and one shadow plan.

    Whichever is bound last is refused.
    """
    reached: dict[tuple[str, str, Environment, bool, str], Reach] = {}
    for at, (binding, service_ids) in bindings.items():
        role = "shadow plan" if binding.shadow else "plan"
        for service_id, bound in zip(service_ids, binding.environments, strict=True):
            for secret_id, api_id in product(binding.secret_ids, bound.apis or ("",)):
                key = (secret_id, service_id, bound.environment, binding.shadow, api_id)
                before = reached.setdefault(key, Reach(binding.usage_plan_id, at))
                if before.plan_id != binding.usage_plan_id:
                    place = "/".join(filter(None, (service_id, bound.environment, api_id)))
                    document.refuse(
                        ("bindings", at),
                        f"secret {secret_id} would reach {place} through {role}"
                        f" {binding.usage_plan_id}, but does so through {role} {before.plan_id}"
                        f" (bindings[{before.at}])",
                    )
