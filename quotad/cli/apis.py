"""``quotad api``: single operations of a service, to which plans can be bound (``quotad bind --api``)."""

from typing import Any

import click

from quotad.cli.people import asked, given, on_records, tell, tell_page
from quotad.cli.reach import Group, Reach
from quotad.client.paths import BOUND_PLACES, SERVICES, one

_SERVICE = click.argument("service_id", metavar="SERVICE")
_ID = click.argument("api_id", metavar="ID")


@click.group(cls=Group)
def api() -> None:
    """Single Apis of a service: a method and a path each, with a plan of its own where one is bound."""


@api.command()
@on_records
@_SERVICE
@click.argument("path")
@click.option("--name", metavar="TEXT", help="For people (default: the path's beginning).")
@click.option("--method", metavar="METHOD", help="GET, POST ... (default: ANY).")
@click.option("--id", "api_id", metavar="ID", help="Default: one that quotad makes.")
def create(reach: Reach, output: str, service_id: str, path: str, **more: Any) -> None:
    """Make an Api of what the backend is asked for; {name} stands for one segment, a last /* for the rest.

    \b
    Example:
      quotad api create service-orders01 "/orders/{id}/exports" --method POST --name export
    """
    name, method, api_id = more["name"], more["method"], more["api_id"]
    values = {"apiName": name or path[:50], "path": path, **given(method=method, apiId=api_id)}
    tell(asked(reach, lambda port: port.post(one(SERVICES, service_id, "apis"), values)), output)


@api.command("list")
@on_records
@_SERVICE
@click.option("--limit", type=click.IntRange(1), metavar="N", help="So many (default: all).")
@click.option("--offset", type=click.IntRange(0), default=0, metavar="N", help="After so many.")
def list_(reach: Reach, output: str, service_id: str, limit: int | None, offset: int) -> None:
    """List the Apis of a service, the oldest first.

    \b
    Example:
      quotad api list service-orders01
    """
    path = one(SERVICES, service_id, "apis")
    total, rows = asked(reach, lambda port: port.rows(path, "apis", {"offset": offset}, limit))
    tell_page(total, rows, output, "apis", ("apiId", "apiName", "method", "path"))


@api.command()
@on_records
@_SERVICE
@_ID
def show(reach: Reach, output: str, service_id: str, api_id: str) -> None:
    """Print all of an Api.

    \b
    Example:
      quotad api show service-orders01 api-ab12cd34
    """
    tell(asked(reach, lambda port: port.get(one(SERVICES, service_id, "apis", api_id))), output)


@api.command()
@on_records
@_SERVICE
@_ID
@click.option("--name", metavar="TEXT", help="Another name.")
@click.option("--method", metavar="METHOD", help="Another method.")
@click.option("--path", metavar="PATH", help="Another path.")
def modify(reach: Reach, output: str, service_id: str, api_id: str, **more: Any) -> None:
    """Give an Api another name, method or path; what is not given stays, its use too.

    \b
    Example:
      quotad api modify service-orders01 api-ab12cd34 --path "/v2/orders/{id}"
    """
    values = given(apiName=more["name"], method=more["method"], path=more["path"])
    tell(asked(reach, lambda port: port.patch(one(SERVICES, service_id, "apis", api_id), values)), output)


@api.command()
@on_records
@_SERVICE
@_ID
@click.argument("environment", metavar="ENVIRONMENT")
@click.option(
    "--rate", type=int, required=True, metavar="N", help="Requests a second of all callers; -1: none."
)
@click.option("--burst", type=int, metavar="N", help="Requests at one instant (default: --rate).")
def throttle(reach: Reach, output: str, service_id: str, api_id: str, **more: Any) -> None:
    """Bound all callers of an Api together, in one environment.

    \b
    Example:
      quotad api throttle service-orders01 api-ab12cd34 release --rate 50
    """
    path = one(SERVICES, service_id, "apis", api_id, "environments", more["environment"], "throttle")
    values = given(rateRps=more["rate"], burst=more["burst"])
    tell(asked(reach, lambda port: port.put(path, values)), output)


@api.command()
@on_records
@_SERVICE
@_ID
def delete(reach: Reach, output: str, service_id: str, api_id: str) -> None:
    """Take away an Api that no plan is bound to.

    \b
    Example:
      quotad api delete service-orders01 api-ab12cd34
    """
    asked(reach, lambda port: port.delete(one(SERVICES, service_id, "apis", api_id)))
    tell({"deleted": api_id}, output)


@api.command()
@on_records
@_SERVICE
@click.option("--env", "environment", metavar="ENVIRONMENT", help="Only in this environment.")
@click.option("--plan", "plans", multiple=True, metavar="ID", help="Only this plan; may be repeated.")
def demote(reach: Reach, output: str, service_id: str, environment: str | None, plans: Any) -> None:
    """Bind plans that hold for whole environments to each Api instead; each Api begins with nothing used.

    \b
    Example:
      quotad api demote service-orders01
    """
    values = {"serviceId": service_id, **given(environment=environment)}
    named = {"usagePlanIds": list(plans)} if plans else {}
    tell(asked(reach, lambda port: port.post(one(BOUND_PLACES, "demote"), {**values, **named})), output)
