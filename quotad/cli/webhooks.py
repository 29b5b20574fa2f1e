"""``quotad webhook``: who is told when use of a plan crosses a part of its quota, and what was delivered."""

from pathlib import Path
from typing import Any

import click

from quotad.cli.credentials import new_file
from quotad.cli.people import asked, given, on_records, tell, tell_page
from quotad.cli.reach import Group, Reach
from quotad.client.paths import WEBHOOKS, one

_COLUMNS = ("webhookId", "name", "url", "thresholds", "windows", "forecast", "enabled")
_DELIVERY_COLUMNS = ("deliveryId", "type", "state", "attemptCount", "status", "created", "nextAttempt")
_ID = click.argument("webhook_id", metavar="ID")
_SAVE = click.option(
    "--save", type=click.Path(path_type=Path), metavar="FILE", help="Put the signingKey there."
)
_FIELDS = (
    click.option("--threshold", "thresholds", multiple=True, type=click.IntRange(1, 100), metavar="PERCENT",
                 help="Of a quota; may be repeated (default: 50, 80, 100)."),
    click.option("--window", "windows", multiple=True, type=click.Choice(["day", "month", "total"]),
                 help="May be repeated (default: all three)."),
    click.option("--plan", "plans", multiple=True, metavar="ID", help="Only this plan; may be repeated."),
    click.option("--forecast/--no-forecast", default=None, help="Also when a quota would end early, or not."),
    click.option("--allow-http/--only-https", default=None, help="Whether the URL may be http."),
)  # fmt: skip


@click.group(cls=Group)
def webhook() -> None:
    """Who is told when use of a plan crosses a part of its quota (docs/webhooks.md)."""


def _with_fields(command: Any) -> Any:
    for option in reversed(_FIELDS):
        command = option(command)
    return command


def _said(said: dict[str, Any]) -> dict[str, Any]:
    values = given(forecast=said["forecast"], allowHttp=said["allow_http"])
    for name, field in (("thresholds", "thresholds"), ("windows", "windows"), ("plans", "usagePlanIds")):
        if said[name]:
            values[field] = list(dict.fromkeys(said[name]))
    return values


@webhook.command()
@on_records
@click.argument("name")
@click.argument("url")
@_with_fields
@_SAVE
def create(reach: Reach, output: str, name: str, url: str, save: Path | None, **said: Any) -> None:
    """Make a webhook. Its signingKey is shown now and not again.

    \b
    Example:
      quotad webhook create ops https://ops.example/quotas --threshold 80 --threshold 100 --forecast
    """
    _show_key(reach, output, WEBHOOKS, {"name": name, "url": url, **_said(said)}, save)


@webhook.command("list")
@on_records
def list_(reach: Reach, output: str) -> None:
    """List all webhooks.

    \b
    Example:
      quotad webhook list
    """
    rows = asked(reach, lambda port: port.get(WEBHOOKS))["webhooks"]
    tell_page(len(rows), rows, output, "webhooks", _COLUMNS)


@webhook.command()
@on_records
@_ID
def show(reach: Reach, output: str, webhook_id: str) -> None:
    """Print all of a webhook but its key.

    \b
    Example:
      quotad webhook show webhook-ab12cd34
    """
    tell(asked(reach, lambda port: port.get(one(WEBHOOKS, webhook_id))), output)


@webhook.command()
@on_records
@_ID
@click.option("--name", metavar="TEXT", help="Another name.")
@click.option("--url", metavar="URL", help="Another URL.")
@_with_fields
@click.option("--all-plans", is_flag=True, help="Of all plans from now on.")
@click.option("--enable/--disable", "enabled", default=None, help="Look for crossings and deliver, or not.")
def modify(reach: Reach, output: str, webhook_id: str, **said: Any) -> None:
    """Change a webhook; what is not given stays, and what was told is not told again.

    \b
    Example:
      quotad webhook modify webhook-ab12cd34 --threshold 90 --window month
    """
    values = {**given(name=said["name"], url=said["url"], enabled=said["enabled"]), **_said(said)}
    if said["all_plans"]:
        values["usagePlanIds"] = None
    tell(asked(reach, lambda port: port.patch(one(WEBHOOKS, webhook_id), values)), output)


@webhook.command()
@on_records
@_ID
def delete(reach: Reach, output: str, webhook_id: str) -> None:
    """Take a webhook away, with all that is not delivered.

    \b
    Example:
      quotad webhook delete webhook-ab12cd34
    """
    asked(reach, lambda port: port.delete(one(WEBHOOKS, webhook_id)))
    tell({"deleted": webhook_id}, output)


@webhook.command()
@on_records
@_ID
@click.option("--overlap", type=click.IntRange(0), metavar="SECONDS", help="How long both keys sign (86400).")
@_SAVE
def rotate(reach: Reach, output: str, webhook_id: str, overlap: int | None, save: Path | None) -> None:
    """Give a webhook a new signingKey; for the overlap deliveries carry both signatures.

    \b
    Example:
      quotad webhook rotate webhook-ab12cd34 --overlap 3600
    """
    _show_key(reach, output, one(WEBHOOKS, webhook_id, "rotate"), given(overlapSeconds=overlap), save)


@webhook.command()
@on_records
@_ID
def test(reach: Reach, output: str, webhook_id: str) -> None:
    """Have a ping sent; `quotad webhook deliveries` says whether it arrived.

    \b
    Example:
      quotad webhook test webhook-ab12cd34
    """
    tell(asked(reach, lambda port: port.post(one(WEBHOOKS, webhook_id, "test"))), output)


@webhook.command()
@on_records
@_ID
@click.option("--state", type=click.Choice(["pending", "delivered", "failed"]), help="Only these.")
@click.option("--limit", type=click.IntRange(1, 100), default=50, metavar="N", help="So many (default: 50).")
def deliveries(reach: Reach, output: str, webhook_id: str, state: str | None, limit: int) -> None:
    """List what was sent to a webhook, is tried or was given up, the newest first.

    \b
    Example:
      quotad webhook deliveries webhook-ab12cd34 --state failed
    """
    path = one(WEBHOOKS, webhook_id, "deliveries")
    found = asked(reach, lambda port: port.get(path, state=state, limit=limit))
    rows = found["deliveries"]
    if output == "table":
        rows = [{**row, "status": _last_status(row["attempts"])} for row in rows]
    tell_page(len(rows), rows, output, "deliveries", _DELIVERY_COLUMNS)


@webhook.command()
@on_records
@_ID
@click.argument("delivery_id", metavar="DELIVERY")
def redeliver(reach: Reach, output: str, webhook_id: str, delivery_id: str) -> None:
    """Have a delivery sent once more, under the same id.

    \b
    Example:
      quotad webhook redeliver webhook-ab12cd34 event-0123456789abcdef0123456789abcdef
    """
    path = one(WEBHOOKS, webhook_id, "deliveries", delivery_id, "redeliver")
    tell(asked(reach, lambda port: port.post(path)), output)


def _last_status(attempts: list[dict[str, Any]]) -> str:
    """What the last attempt came to."""
    if not attempts:
        return ""
    return str(attempts[-1]["status"] or attempts[-1]["error"])


def _show_key(reach: Reach, output: str, path: str, values: dict[str, Any], save: Path | None) -> None:
    if save is None:
        tell(asked(reach, lambda port: port.post(path, values)), output)
        click.echo("Keep the signingKey now: it is never shown again.", err=True)
        return
    with new_file(save) as target:
        made = asked(reach, lambda port: port.post(path, values))
        target.write(made.pop("signingKey") + "\n")
    tell({**made, "saved": str(save)}, output)
