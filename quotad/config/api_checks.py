"""Rules about the single Apis of services, and about plans bound to them. Each adds all Problems it finds."""

from collections.abc import Mapping

from quotad.config import schema, service_schema
from quotad.config.document import Document, Path_
from quotad.core.api_paths import pattern_of

_Bindings = Mapping[int, tuple[schema.BindingSection, list[str]]]
"""By their place in the file, each with the ids of its environments' services."""


def apis_differ(services: Mapping[int, service_schema.ServiceSection], document: Document) -> None:
    """No two Apis of a service have the same id, or the same method and path."""
    for at, service in services.items():
        ids: dict[str, int] = {}
        calls: dict[tuple[str, tuple[str, ...]], int] = {}
        for place, api in enumerate(service.apis):
            path: Path_ = ("services", at, "apis", place)
            before = ids.setdefault(api.api_id, place)
            if before != place:
                document.refuse((*path, "apiId"), f"{api.api_id} is taken by apis[{before}]")
            before = calls.setdefault((api.method, pattern_of(api.path)), place)
            if before != place:
                document.refuse((*path, "path"), f"{api.method} {api.path} is what apis[{before}] has")


def throttles_have_places(services: Mapping[int, service_schema.ServiceSection], document: Document) -> None:
    """An Api says once what holds in an environment, and only of those in which its service is published."""
    for at, service in services.items():
        published = {place.environment for place in service.environments}
        for number, api in enumerate(service.apis):
            first: dict[str, int] = {}
            for place, section in enumerate(api.environments):
                path: Path_ = ("services", at, "apis", number, "environments", place)
                before = first.setdefault(section.environment, place)
                if before != place:
                    document.refuse(path, f"{section.environment} stands in environments[{before}] too")
                if section.environment not in published:
                    document.refuse(path, f"{service.service_id} is not published in {section.environment}")


def apis_are_known(
    bindings: _Bindings, services: Mapping[str, service_schema.ServiceSection], document: Document
) -> None:
    """The Apis that bindings name are those of the service named with them."""
    for at, (binding, service_ids) in bindings.items():
        for place, (service_id, bound) in enumerate(zip(service_ids, binding.environments, strict=True)):
            known = {api.api_id for api in services[service_id].apis} if service_id in services else set()
            for number, api_id in enumerate(bound.apis or ()):
                if api_id not in known:
                    path: Path_ = ("bindings", at, "environments", place, "apis", number)
                    document.refuse(path, f"{service_id} has no api {api_id}")


def one_level_each(bindings: _Bindings, document: Document) -> None:
    """A service's plans are bound to whole environments or to single Apis. Whichever is second is refused."""
    first: dict[str, tuple[bool, int]] = {}
    for at, (binding, service_ids) in bindings.items():
        for place, (service_id, bound) in enumerate(zip(service_ids, binding.environments, strict=True)):
            single = bound.apis is not None
            before_single, before = first.setdefault(service_id, (single, at))
            if before_single != single:
                words = ("a whole environment", "single apis")
                document.refuse(
                    ("bindings", at, "environments", place),
                    f"binds {words[single]} of {service_id}, but bindings[{before}] binds"
                    f" {words[before_single]} of it: one of the two",
                )
