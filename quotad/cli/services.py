"""``quotad service``: backends as callers know them, and where each is published."""

from pathlib import Path

import click

from quotad.cli.people import done_by, given, on_records, paged, tell, tell_page

_ENVIRONMENT = click.argument("environment")
_ID = click.argument("service_id", metavar="ID")


@click.group()
def service() -> None:
    """Services, and their environments: release, prepub, test."""


@service.command()
@on_records
@click.argument("name")
@click.option("--id", "service_id", metavar="ID", help="Default: one that quotad makes.")
@click.option("--desc", metavar="TEXT", help="For people.")
def create(config: Path, output: str, name: str, service_id: str | None, desc: str | None) -> None:
    """Make a service, published nowhere yet.

    \b
    Example:
      quotad service create orders --id service-orders01
    """
    values = {"serviceName": name, **given(serviceId=service_id, serviceDesc=desc)}
    tell(done_by(config, lambda desk_, asker: desk_.create_service(asker, values)), output)


@service.command("list")
@on_records
@paged
def list_(config: Path, output: str, search: str, limit: int, offset: int) -> None:
    """List services, the oldest first."""
    from quotad.controlplane.replica import Page, Where

    where = Where().has(("name", "id"), search)
    total, rows = done_by(config, lambda desk, _: desk.services(where, Page(limit, offset)))
    shown = (
        [{**row, "published": _published(row["environments"])} for row in rows] if output == "table" else rows
    )
    tell_page(total, shown, output, "services", ("serviceId", "serviceName", "published"))


def _published(environments: dict[str, dict[str, object]]) -> str:
    return ", ".join(name for name, each in environments.items() if each["published"])


@service.command()
@on_records
@_ID
def show(config: Path, output: str, service_id: str) -> None:
    """Print all of a service."""
    tell(done_by(config, lambda desk, _: desk.service(service_id)), output)


@service.command()
@on_records
@_ID
@_ENVIRONMENT
@click.option("--desc", default="", metavar="TEXT", help="Of this release.")
def publish(config: Path, output: str, service_id: str, environment: str, desc: str) -> None:
    """Let an environment be bound and called.

    \b
    Example:
      quotad service publish service-orders01 release
    """
    tell(done_by(config, lambda on, asker: on.publish(asker, service_id, environment, desc)), output)


@service.command()
@on_records
@_ID
@_ENVIRONMENT
def unpublish(config: Path, output: str, service_id: str, environment: str) -> None:
    """Have an environment answer 404; what is bound to it stays bound."""
    tell(done_by(config, lambda desk, asker: desk.unpublish(asker, service_id, environment)), output)


@service.command()
@on_records
@_ID
@_ENVIRONMENT
@click.option(
    "--rate", type=int, required=True, metavar="N", help="Requests a second of all callers; -1: none."
)
@click.option("--burst", type=int, metavar="N", help="Requests at one instant (default: --rate).")
def throttle(
    config: Path, output: str, service_id: str, environment: str, rate: int, burst: int | None
) -> None:
    """Bound all callers of an environment together."""
    values = given(rateRps=rate, burst=burst)
    tell(done_by(config, lambda on, asker: on.set_throttle(asker, service_id, [environment], values)), output)


@service.command("default-plan")
@on_records
@_ID
@_ENVIRONMENT
@click.argument("plan_id", metavar="PLAN", required=False)
def default_plan(config: Path, output: str, service_id: str, environment: str, plan_id: str | None) -> None:
    """The plan of callers who are bound to none there; without PLAN: they are refused."""
    done = done_by(config, lambda on, asker: on.set_default_plan(asker, service_id, environment, plan_id))
    tell(done, output)


@service.command()
@on_records
@_ID
def delete(config: Path, output: str, service_id: str) -> None:
    """Delete a service that is published nowhere and has no plans."""
    done_by(config, lambda desk, asker: desk.delete_service(asker, service_id))
    tell({"deleted": service_id}, output)
