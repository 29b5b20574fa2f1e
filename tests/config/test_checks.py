from quotad.config import authorize_schema, checks, schema, service_schema
from quotad.config.document import Document
from quotad.config.model import Address
from quotad.core.plans import Environment


def service(service_id: str, name: str, environments: list[str]) -> service_schema.ServiceSection:
    """A service, as in a file."""
    return service_schema.ServiceSection.model_validate(
        {"serviceId": service_id, "serviceName": name, "environments": environments}
    )


def told(document: Document) -> list[str]:
    """The problems, as text."""
    return [str(problem) for problem in document.problems]


SERVICES = {
    0: service("service-a", "a", ["release"]),
    1: service("service-b", "service-a", ["test"]),
    2: service("service-c", "twin", ["test"]),
    3: service("service-d", "twin", ["test"]),
}


def published(reference: str, environment: Environment) -> tuple[str | None, list[str]]:
    """What ``reference`` finds, and the problems; one service of the file is broken elsewhere."""
    document = Document()
    names = checks.ServiceNames(SERVICES, {"service-broken"})
    return names.published(reference, environment, ("routes", 0), document), told(document)


def test_services_are_found() -> None:
    """An id wins over another service's name; a name that only one service has is as good as its id."""
    assert published("service-a", "release") == ("service-a", [])
    assert published("a", "release") == ("service-a", [])


def test_services_are_not_found() -> None:
    """Unknown, ambiguous and unpublished services are told; a broken one only for its own fault."""
    assert published("nobody", "test") == (None, ["routes[0].service: there is no service nobody"])
    twins = "routes[0].service: twin is the name of 2 services; use an id"
    assert published("twin", "test") == (None, [twins])
    unpublished = "routes[0].environment: service-a is not published in test"
    assert published("a", "test") == (None, [unpublished])
    assert published("service-broken", "test") == (None, [])


def binding(
    plan_id: str, secret_ids: list[str], services: list[str]
) -> tuple[schema.BindingSection, list[str]]:
    """A linked binding to the release environment of these services."""
    environments = [{"service": name, "environment": "release"} for name in services]
    value = {"usagePlanId": plan_id, "secretIds": secret_ids, "environments": environments}
    return schema.BindingSection.model_validate(value), services


def conflicts(*bindings: tuple[schema.BindingSection, list[str]]) -> list[str]:
    """Where the bindings give a Secret a second plan."""
    document = Document()
    checks.one_plan_each(dict(enumerate(bindings)), document)
    return [problem.path for problem in document.problems]


def test_one_plan_each() -> None:
    """A second plan for one Secret and environment is refused in either order; anything else is fine."""
    gold, free = binding("gold", ["AKIDone", "AKIDtwo"], ["a", "b"]), binding("free", ["AKIDone"], ["b"])
    assert conflicts(gold, free) == ["bindings[1]"]
    assert conflicts(free, gold) == ["bindings[1]"]
    assert conflicts(gold, gold) == []
    assert conflicts(gold, binding("free", ["AKIDone"], ["c"]), binding("free", ["AKIDsix"], ["a"])) == []
    assert conflicts(gold, binding("free", ["AKIDtwo", "AKIDone"], ["a", "b"])) == ["bindings[1]"] * 4


def test_ports_differ() -> None:
    """Two listeners on one address are refused; ports that the system chooses never collide."""
    document = Document()
    one, free = Address("", 80), Address("", 0)
    checks.ports_differ([("listen", one), ("telemetry", None), ("admin", Address("127.0.0.1", 80))], document)
    checks.ports_differ([("listen", free), ("telemetry", free)], document)
    assert told(document) == []
    checks.ports_differ([("listen", one), ("admin", one)], document)
    assert told(document) == ["admin.address: is the same as listen.address"]


def test_unique() -> None:
    """The second and third use of an id name the first."""
    document = Document()
    checks.unique("plans", "usagePlanId", [(0, "a"), (1, "b"), (2, "a"), (3, "a")], document)
    assert told(document) == [
        "plans[2].usagePlanId: a is taken by plans[0]",
        "plans[3].usagePlanId: a is taken by plans[0]",
    ]


def test_who_may_ask_for_decisions() -> None:
    """A port that others reach names who may ask; what is held is held where its status comes."""
    document = Document()
    section = authorize_schema.AuthorizeSection.model_validate({"address": ":1", "shape": "caddy"})
    checks.only_proxies_ask(section, 4, document)
    assert told(document) == ["authorize.proxies: is required: the address is not on loopback"]
    document = Document()
    settling = section.model_copy(update={"conditional": "settle", "proxies": ["10.0.0.0/8"]})
    checks.only_proxies_ask(settling, 1, document)
    assert told(document) == []
    checks.only_proxies_ask(settling, 2, document)
    assert len(told(document)) == 1
