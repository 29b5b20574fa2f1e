"""What webhooks must be like beyond each field's own rule. Each adds every Problem that it finds."""

from collections.abc import Container, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from quotad.config import certificates
from quotad.config.document import Document, Path_
from quotad.config.model import UpstreamTls

if TYPE_CHECKING:
    from quotad.config.admin_schema import AdminSection
    from quotad.config.webhook_schema import WebhookSection

WEBHOOKS_AT_MOST = 100
"""Each is held against every Subject."""


def webhooks_mean_something(
    webhooks: Mapping[int, "WebhookSection"], plan_ids: Container[str], document: Document
) -> None:
    """Plans that are there, and what is sent stays between two."""
    from quotad.config.webhook_schema import check_url

    if len(webhooks) > WEBHOOKS_AT_MOST:
        document.refuse(("webhooks",), f"must have at most {WEBHOOKS_AT_MOST} items")
    for at, webhook in webhooks.items():
        path: Path_ = ("webhooks", at)
        try:
            check_url(webhook.url, allow_http=webhook.allow_http)
        except ValueError as error:
            document.refuse((*path, "url"), str(error))
        for place, plan_id in enumerate(webhook.usage_plan_ids or ()):
            if plan_id not in plan_ids:
                document.refuse((*path, "usagePlanIds", place), f"there is no plan {plan_id}")


def somebody_delivers(given: Mapping[str, object], document: Document) -> None:
    """A file that is served has a key for each webhook, and the port whose processes deliver."""
    webhooks = given.get("webhooks")
    if not isinstance(webhooks, list) or not webhooks or "control" in given:
        return
    if "admin" not in given:
        document.refuse(
            ("webhooks",), "are delivered by processes that serve the admin port: give an admin section"
        )
    for at, webhook in enumerate(webhooks):
        if isinstance(webhook, dict) and webhook.get("signingKey") is None:
            document.refuse(("webhooks", at, "signingKey"), "is required")


def authorities_are_readable(admin: "AdminSection", folder: Path, document: Document) -> None:
    """The file of those who vouch for receivers is there."""
    if admin.webhooks.ca is None:
        return
    try:
        certificates.client_context(UpstreamTls(ca=folder / admin.webhooks.ca))
    except certificates.CertificateError as error:
        document.refuse(("admin", "webhooks", "ca"), error.message)
