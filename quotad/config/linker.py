"""Resolved values -> Config: each section on its own first, so that one wrong field hides no other."""

import re
from collections.abc import Mapping
from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from quotad.config import (
    api_checks,
    build,
    checks,
    plan_checks,
    schema,
    service_schema,
    store_checks,
    tls_checks,
    webhook_checks,
)
from quotad.config.document import Document, Path_
from quotad.config.model import Config, Route
from quotad.config.problems import note, unknown_field
from quotad.config.section import Section
from quotad.core.plans import Binding, Webhook
from quotad.core.table import PlanTable

if TYPE_CHECKING:
    from quotad.config.admin_schema import AdminSection
    from quotad.config.authorize_schema import AuthorizeSection
    from quotad.config.tracing_schema import TracingSection

_S = TypeVar("_S", bound=Section)

FIELDS = frozenset(
    (
        *("listen", "authorize", "telemetry", "tracing", "admin", "store", "control"),
        *("routes", "services", "plans", "secrets", "bindings", "webhooks"),
        *("workers", "supervised", "reload"),
    )
)
"""All that stands at the top of a file (``whole_schema.File``)."""

_SECRET_FIELDS = frozenset(("secretKey", "secondaryKey", "token", "masterKeys", "signingKey"))

NO_STORE = (
    "is required: name the Redis that all sidecars share (url), or ask for a private server for this"
    " machine alone (embedded); without it every process would grant a whole quota of its own"
)


class Linker:
    """Builds one Config; what is wrong goes to the document's problems."""

    def __init__(self, document: Document, values: object, folder: Path) -> None:
        self._document = document
        self._folder = folder
        self._values: dict[str, object] = {}
        if isinstance(values, dict):
            # A key without a value, as in "routes:", is an absent one.
            self._values = {key: value for key, value in values.items() if value is not None}
        elif values is not None:
            document.refuse((), "must be a mapping of fields")

    def config(self) -> Config | None:
        """The whole configuration, or None when anything is wrong."""
        for key in self._values:
            if key not in FIELDS:
                self._unknown(key)
        listen = self._section("listen", schema.ListenSection)
        telemetry = self._section("telemetry", schema.TelemetrySection)
        admin = self._admin()
        store = self._store()
        processes = self._processes()
        tracing = self._tracing()
        authorize = self._authorize(1 if processes is None else processes.workers)
        control = self._section("control", schema.ControlSection) if "control" in self._values else None
        if admin is not None:
            checks.admin_is_safe(admin, self._document, stored="control" in self._values)
            checks.key_pairs_differ(admin, self._document)
            tls_checks.admins_get_a_certificate(admin, self._folder, self._document)
            webhook_checks.authorities_are_readable(admin, self._folder, self._document)
        webhook_checks.somebody_delivers(self._values, self._document)
        sections = (("listen", listen), ("authorize", authorize), ("telemetry", telemetry), ("admin", admin))
        if listen is not None:
            tls_checks.clients_get_a_certificate("listen", listen.tls, self._folder, self._document)
        checks.ports_differ(((name, part.address) for name, part in sections if part), self._document)
        routes, table = self._nouns()
        if (
            self._document.problems
            or listen is None
            or telemetry is None
            or store is None
            or processes is None
        ):
            return None
        return Config(
            listen=build.listen_of(listen, self._folder),
            telemetry=build.telemetry_of(telemetry, self._folder),
            admin=build.admin_of(admin, self._folder) if admin is not None else None,
            store=build.store_of(store, self._folder),
            routes=tuple(routes),
            table=table,
            workers=processes.workers,
            supervised=processes.supervised,
            reload=processes.reload,
            version=version_of(self._values),
            tracing=build.tracing_of(tracing) if tracing is not None else None,
            authorize=build.authorize_of(authorize, self._folder) if authorize is not None else None,
            control=build.control_of(control) if control is not None else None,
        )

    def nouns(self) -> PlanTable:
        """Services, plans, Secrets and bindings alone; empty when anything is wrong."""
        return self._nouns()[1]

    def _nouns(self) -> tuple[list[Route], PlanTable]:
        """Routes, services, plans, secrets and bindings, as far as they are right."""
        services = self._items("services", service_schema.ServiceSection)
        plans = self._items("plans", schema.PlanSection)
        secrets = self._items("secrets", schema.SecretSection)
        routes = self._items("routes", schema.RouteSection)
        plan_checks.plans_mean_something(plans, self._document)
        given = self._values.get("store")
        if isinstance(given, dict):
            plan_checks.open_is_journalled(plans, given, self._document)
        checks.routes_differ(routes, self._document)
        checks.routes_lead_somewhere(routes, "authorize" in self._values, self._document)
        tls_checks.upstreams_can_be_verified(routes, self._folder, self._document)
        if "control" in self._values:
            checks.control_stands_alone(self._values, self._document)
            # What a route names need not be there yet.
            return [build.route_of(each, each.service, self._folder) for each in routes.values()], PlanTable()
        names = checks.ServiceNames(
            services, self._named("services", "serviceId") | self._named("services", "serviceName")
        )
        for section, field in (
            ("services", "serviceId"),
            ("plans", "usagePlanId"),
            ("secrets", "secretId"),
            ("webhooks", "webhookId"),
        ):
            checks.unique(section, field, self._given(section, field), self._document)
        api_checks.apis_differ(services, self._document)
        api_checks.throttles_have_places(services, self._document)
        checks.environments_have_rules(services, self._named("plans", "usagePlanId"), self._document)
        webhooks = self._webhooks()
        linked = self._linked_routes(routes, names)
        bindings = self._linked_bindings(names)
        if self._document.problems:
            return [], PlanTable()
        table = PlanTable(
            [build.service_of(service) for service in services.values()],
            [build.plan_of(plan) for plan in plans.values()],
            [build.secret_of(secret) for secret in secrets.values()],
            bindings,
            webhooks,
        )
        return linked, table

    def _linked_routes(
        self, routes: Mapping[int, schema.RouteSection], names: checks.ServiceNames
    ) -> list[Route]:
        linked = []
        for at, route in routes.items():
            service_id = names.published(route.service, route.environment, ("routes", at), self._document)
            if service_id is not None:
                linked.append(build.route_of(route, service_id, self._folder))
        return linked

    def _linked_bindings(self, names: checks.ServiceNames) -> list[Binding]:
        plan_ids = self._named("plans", "usagePlanId")
        secret_ids = self._named("secrets", "secretId")
        whole: dict[int, tuple[schema.BindingSection, list[str]]] = {}
        for at, binding in self._items("bindings", schema.BindingSection).items():
            path: Path_ = ("bindings", at)
            if binding.usage_plan_id not in plan_ids:
                self._document.refuse((*path, "usagePlanId"), f"there is no plan {binding.usage_plan_id}")
            for place, secret_id in enumerate(binding.secret_ids):
                if secret_id not in secret_ids:
                    self._document.refuse((*path, "secretIds", place), f"there is no secret {secret_id}")
            found = [
                names.published(
                    bound.service, bound.environment, (*path, "environments", place), self._document
                )
                for place, bound in enumerate(binding.environments)
            ]
            service_ids = [service_id for service_id in found if service_id is not None]
            if len(service_ids) == len(found):
                whole[at] = (binding, service_ids)
        api_checks.apis_are_known(whole, names.by_id, self._document)
        api_checks.one_level_each(whole, self._document)
        checks.one_plan_each(whole, self._document)
        return [
            found
            for binding, service_ids in whole.values()
            for found in build.bindings_of(binding, service_ids)
        ]

    # A section that the file does not have is not imported: some ms of a start each.

    def _unknown(self, key: str) -> None:
        from quotad.config.whole_schema import File

        self._document.refuse((key,), unknown_field(key, File))

    def _admin(self) -> "AdminSection | None":
        if "admin" not in self._values:
            return None
        from quotad.config.admin_schema import AdminSection

        return self._section("admin", AdminSection)

    def _tracing(self) -> "TracingSection | None":
        if "tracing" not in self._values:
            return None
        from quotad.config.tracing_schema import TracingSection

        return self._section("tracing", TracingSection)

    def _webhooks(self) -> list[Webhook]:
        if "webhooks" not in self._values:
            return []
        from quotad.config.webhook_schema import WebhookSection, webhook_of

        webhooks = self._items("webhooks", WebhookSection)
        webhook_checks.webhooks_mean_something(webhooks, self._named("plans", "usagePlanId"), self._document)
        return [webhook_of(webhook) for webhook in webhooks.values()]

    def _authorize(self, workers: int) -> "AuthorizeSection | None":
        if "authorize" not in self._values:
            return None
        from quotad.config.authorize_schema import AuthorizeSection

        authorize = self._section("authorize", AuthorizeSection)
        if authorize is not None:
            checks.only_proxies_ask(authorize, workers, self._document)
            tls_checks.clients_get_a_certificate("authorize", authorize.tls, self._folder, self._document)
        return authorize

    def _store(self) -> schema.StoreSection | None:
        if "store" not in self._values:
            self._document.refuse(("store",), NO_STORE)
            return None
        store = self._section("store", schema.StoreSection)
        if store is not None:
            store_checks.store_is_one(store, self._document)
            store_checks.store_fits_its_url(store, self._document)
            store_checks.password_files_are_readable(store, self._folder, self._document)
        return store

    def _processes(self) -> schema.Processes | None:
        given = {key: value for key, value in self._values.items() if key in schema.Processes.model_fields}
        return self._validated(given, schema.Processes, ())

    def _section(self, name: str, model: type[_S]) -> _S | None:
        return self._validated(self._values.get(name, {}), model, (name,))

    def _items(self, name: str, model: type[_S]) -> dict[int, _S]:
        """The valid items of a list, by their place in it."""
        values = self._values.get(name, [])
        if not isinstance(values, list):
            self._document.refuse((name,), "must be a list")
            return {}
        valid = {}
        for at, value in enumerate(values):
            item = self._validated(value, model, (name, at))
            if item is not None:
                valid[at] = item
        return valid

    def _validated(self, value: object, model: type[_S], path: Path_) -> _S | None:
        try:
            return model.model_validate(value)
        except ValidationError as error:
            note(error, model, path, self._document)
            return None

    def _given(self, section: str, field: str) -> list[tuple[int, str]]:
        """Every text given as ``field``, also in items that are wrong elsewhere."""
        values = self._values.get(section, [])
        items = enumerate(values) if isinstance(values, list) else ()
        return [
            (at, str(item[field]))
            for at, item in items
            if isinstance(item, dict) and isinstance(item.get(field), str)
        ]

    def _named(self, section: str, field: str) -> set[str]:
        return {value for _, value in self._given(section, field)}


def version_of(values: dict[str, object]) -> str:
    """A digest of what was read: 12 hex digits, equal wherever the same was read.

    SecretKeys, master keys, the admin token and whatever of the store's URL is no address are left out: a
    short secret could be guessed from a digest. A rotated key thus keeps the version.
    """
    canonical = dumps(_without_secrets(values), sort_keys=True, separators=(",", ":"), default=str)
    return sha256(canonical.encode()).hexdigest()[:12]


def _without_secrets(value: object) -> object:
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _without_secrets(item) for key, item in value.items() if key not in _SECRET_FIELDS}
    if isinstance(kept.get("url"), str):
        kept["url"] = _address_of(str(kept["url"]))
    return kept


def _address_of(url: str) -> str:
    """A store's URL without user, password and parameters, but for the database."""
    scheme, _, rest = url.partition("://")
    location, _, query = rest.partition("?")
    servers, slash, path = location.partition("/")
    database = re.search(r"(?:^|&)(db=[0-9]+)", query)
    return f"{scheme}://{servers.rpartition('@')[2]}{slash}{path}" + (f"?{database[1]}" if database else "")
