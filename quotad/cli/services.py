"""``quotad service``: backends as callers know them, and where each is published."""

from typing import Any

import click

from quotad.cli.people import asked, given, on_records, paged, tell, tell_page
from quotad.cli.reach import Group, Reach
from quotad.client.paths import SERVICES, one

_ENVIRONMENT = click.argument("environment", metavar="ENVIRONMENT")
_ID = click.argument("service_id", metavar="ID")


@click.group(cls=Group)
def service() -> None:
    """Services, and their environments: release, prepub, test."""


@service.command()
@on_records
@click.argument("name")
@click.option("--id", "service_id", metavar="ID", help="Default: one that quotad makes.")
@click.option("--desc", metavar="TEXT", help="For people.")
def create(reach: Reach, output: str, name: str, service_id: str | None, desc: str | None) -> None:
    """Make a service, published nowhere yet.

    \b
    Example:
      quotad service create orders --id service-orders01
    """
    values = {"serviceName": name, **given(serviceId=service_id, serviceDesc=desc)}
    tell(asked(reach, lambda port: port.post(SERVICES, values)), output)


@service.command()
@on_records
@_ID
@click.option("--name", metavar="TEXT", help="Another name.")
@click.option("--desc", metavar="TEXT", help="Another description.")
def modify(reach: Reach, output: str, service_id: str, name: str | None, desc: str | None) -> None:
    """Give a service another name or description; what is not given stays.

    \b
    Example:
      quotad service modify service-orders01 --desc "orders, since 2026"
    """
    values = given(serviceName=name, serviceDesc=desc)
    tell(asked(reach, lambda port: port.patch(one(SERVICES, service_id), values)), output)


@service.command("list")
@on_records
@paged
def list_(reach: Reach, output: str, search: str | None, limit: int | None, offset: int) -> None:
    """List services, the oldest first.

    \b
    Example:
      quotad service list --search orders
    """
    query = {"search": search, "offset": offset}
    total, rows = asked(reach, lambda port: port.rows(SERVICES, "services", query, limit))
    if output == "table":
        rows = [{**row, "published": _published(row["environments"])} for row in rows]
    tell_page(total, rows, output, "services", ("serviceId", "serviceName", "published"))


def _published(environments: list[dict[str, Any]]) -> str:
    return ", ".join(each["environment"] for each in environments if each["published"])


@service.command()
@on_records
@_ID
def show(reach: Reach, output: str, service_id: str) -> None:
    """Print all of a service.

    \b
    Example:
      quotad service show service-orders01
    """
    tell(asked(reach, lambda port: port.get(one(SERVICES, service_id))), output)


@service.command()
@on_records
@_ID
@_ENVIRONMENT
@click.option("--desc", metavar="TEXT", help="Of this release.")
def publish(reach: Reach, output: str, service_id: str, environment: str, desc: str | None) -> None:
    """Let an environment be bound and called.

    \b
    Example:
      quotad service publish service-orders01 release
    """
    path = _place(service_id, environment, "publish")
    tell(asked(reach, lambda port: port.post(path, given(releaseDesc=desc))), output)


@service.command()
@on_records
@_ID
@_ENVIRONMENT
def unpublish(reach: Reach, output: str, service_id: str, environment: str) -> None:
    """Have an environment answer 404; what is bound to it stays bound.

    \b
    Example:
      quotad service unpublish service-orders01 test
    """
    path = _place(service_id, environment, "unpublish")
    tell(asked(reach, lambda port: port.post(path)), output)


@service.command()
@on_records
@_ID
@_ENVIRONMENT
@click.option(
    "--rate", type=int, required=True, metavar="N", help="Requests a second of all callers; -1: none."
)
@click.option("--burst", type=int, metavar="N", help="Requests at one instant (default: --rate).")
def throttle(
    reach: Reach, output: str, service_id: str, environment: str, rate: int, burst: int | None
) -> None:
    """Bound all callers of an environment together.

    \b
    Example:
      quotad service throttle service-orders01 release --rate 500
    """
    path, values = _place(service_id, environment, "throttle"), given(rateRps=rate, burst=burst)
    tell(asked(reach, lambda port: port.put(path, values)), output)


@service.command("default-plan")
@on_records
@_ID
@_ENVIRONMENT
@click.argument("plan_id", metavar="PLAN", required=False)
def default_plan(reach: Reach, output: str, service_id: str, environment: str, plan_id: str | None) -> None:
    """The plan of callers who are bound to none there; without PLAN: they are refused.

    \b
    Example:
      quotad service default-plan service-orders01 release usagePlan-ab12cd34
    """
    path = _place(service_id, environment, "default-plan")
    if plan_id is None:
        tell(asked(reach, lambda port: port.delete(path)), output)
    else:
        tell(asked(reach, lambda port: port.put(path, {"usagePlanId": plan_id})), output)


@service.command()
@on_records
@_ID
def delete(reach: Reach, output: str, service_id: str) -> None:
    """Delete a service that is published nowhere and has no plans.

    \b
    Example:
      quotad service delete service-orders01
    """
    asked(reach, lambda port: port.delete(one(SERVICES, service_id)))
    tell({"deleted": service_id}, output)


def _place(service_id: str, environment: str, what: str) -> str:
    return one(SERVICES, service_id, "environments", environment, what)
