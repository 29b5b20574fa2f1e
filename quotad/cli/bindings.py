"""``quotad bind`` and ``quotad unbind``: who has which plan, and where."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from quotad.cli.people import asked, on_records, tell
from quotad.cli.reach import Asking, Reach
from quotad.client.paths import BOUND_PLACES, BOUND_SECRETS, one
from quotad.errors import QuotadError

if TYPE_CHECKING:
    from quotad.client.admin import AdminPort

_F = TypeVar("_F", bound=Callable[..., Any])


def _ends(command: _F) -> _F:
    options = (
        click.argument("plan_id", metavar="PLAN"),
        click.option("--secret", "secrets", multiple=True, metavar="ID", help="A SecretId; may be repeated."),
        click.option(
            "--at", "places", multiple=True, metavar="SERVICE/ENV", help="An environment; may be repeated."
        ),
        click.option(
            "--api", "apis", multiple=True, metavar="ID", help="Of --at only this Api; may be repeated."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command(cls=Asking)
@on_records
@_ends
@click.option("--shadow", is_flag=True, help="At these environments the plan is computed and denies nobody.")
def bind(reach: Reach, output: str, plan_id: str, shadow: bool, **ends: Any) -> None:
    """Give a plan to Secrets, and have it hold in environments: all Secrets of a plan have it in all of them.

    Several Secrets are bound all or none. A Secret has one plan, and one shadow plan, in an environment.

    \b
    Examples:
      quotad bind usagePlan-ab12cd34 --at service-orders01/release
      quotad bind usagePlan-ab12cd34 --at service-orders01/release --api api-ab12cd34
      quotad bind usagePlan-ab12cd34 --secret AKIDacme0001 --secret AKIDacme0002
    """
    secrets, places = _checked(ends)

    async def do(port: "AdminPort") -> None:
        for place in places:
            more = {"shadow": True} if shadow else {}
            await port.post(BOUND_PLACES, {"usagePlanIds": [plan_id], **place, **more})
        if secrets:
            await port.post(BOUND_SECRETS, {"usagePlanId": plan_id, "secretIds": list(secrets)})

    asked(reach, do)
    tell({"usagePlanId": plan_id, "bound": [*ends["places"], *secrets]}, output)


@click.command(cls=Asking)
@on_records
@_ends
def unbind(reach: Reach, output: str, plan_id: str, **ends: Any) -> None:
    """Take a plan from Secrets, or out of environments.

    \b
    Example:
      quotad unbind usagePlan-ab12cd34 --secret AKIDacme0001
    """
    secrets, places = _checked(ends)

    async def do(port: "AdminPort") -> None:
        if secrets:
            path, said = one(BOUND_SECRETS, "unbind"), {"usagePlanId": plan_id, "secretIds": list(secrets)}
            await port.post(path, said)
        for place in places:
            await port.post(one(BOUND_PLACES, "unbind"), {"usagePlanIds": [plan_id], **place})

    asked(reach, do)
    tell({"usagePlanId": plan_id, "unbound": [*ends["places"], *secrets]}, output)


def _checked(ends: dict[str, Any]) -> tuple[list[str], list[dict[str, Any]]]:
    """The Secrets, and the places as the admin port names them."""
    secrets, places, apis = ends["secrets"], ends["places"], ends["apis"]
    if not secrets and not places:
        raise click.UsageError("--secret or --at is needed")
    if apis and not places:
        raise click.UsageError("--api needs --at")
    single = {"apiIds": list(apis)} if apis else {}
    return list(secrets), [{**_place(each), **single} for each in places]


def _place(text: str) -> dict[str, str]:
    service_id, mark, environment = text.partition("/")
    if not mark:
        raise QuotadError(f"{text[:60]}: is not SERVICE/ENVIRONMENT, as service-orders01/release")
    return {"serviceId": service_id, "environment": environment}
