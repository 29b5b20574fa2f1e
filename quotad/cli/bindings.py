"""``quotad bind`` and ``quotad unbind``: who has which plan, and where."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from quotad.cli.people import done_by, on_records, tell
from quotad.errors import QuotadError

if TYPE_CHECKING:
    from quotad.controlplane.desk import Asker
    from quotad.controlplane.operations import Operations

_F = TypeVar("_F", bound=Callable[..., Any])


def _ends(command: _F) -> _F:
    options = (
        click.argument("plan_id", metavar="PLAN"),
        click.option("--secret", "secrets", multiple=True, metavar="ID", help="A SecretId; may be repeated."),
        click.option(
            "--at", "places", multiple=True, metavar="SERVICE/ENV", help="An environment; may be repeated."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@on_records
@_ends
@click.option("--shadow", is_flag=True, help="At these environments the plan is computed and denies nobody.")
def bind(config: Path, output: str, plan_id: str, secrets: Any, places: Any, shadow: bool) -> None:
    """Give a plan to Secrets, and have it hold in environments: all Secrets of a plan have it in all of them.

    Several Secrets are bound all or none. A Secret has one plan, and one shadow plan, in an environment.

    \b
    Examples:
      quotad bind usagePlan-ab12cd34 --at service-orders01/release
      quotad bind usagePlan-ab12cd34 --secret AKIDacme0001 --secret AKIDacme0002
    """
    _check(secrets, places)

    async def do(desk: "Operations", asker: "Asker") -> None:
        for service_id, environment in map(_place, places):
            await desk.bind_environment(asker, [plan_id], service_id, environment, shadow=shadow)
        if secrets:
            await desk.bind_secrets(asker, plan_id, secrets)

    done_by(config, do)
    tell({"usagePlanId": plan_id, "bound": [*places, *secrets]}, output)


@click.command()
@on_records
@_ends
def unbind(config: Path, output: str, plan_id: str, secrets: Any, places: Any) -> None:
    """Take a plan from Secrets, or out of environments.

    \b
    Example:
      quotad unbind usagePlan-ab12cd34 --secret AKIDacme0001
    """
    _check(secrets, places)

    async def do(desk: "Operations", asker: "Asker") -> None:
        if secrets:
            await desk.unbind_secrets(asker, plan_id, secrets)
        for service_id, environment in map(_place, places):
            await desk.unbind_environment(asker, [plan_id], service_id, environment)

    done_by(config, do)
    tell({"usagePlanId": plan_id, "unbound": [*places, *secrets]}, output)


def _check(secrets: Any, places: Any) -> None:
    if not secrets and not places:
        raise click.UsageError("--secret or --at is needed")
    for each in places:
        _place(each)


def _place(text: str) -> tuple[str, str]:
    service_id, mark, environment = text.partition("/")
    if not mark:
        raise QuotadError(f"{text[:60]}: is not SERVICE/ENVIRONMENT, as service-orders01/release")
    return service_id, environment
