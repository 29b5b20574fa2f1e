"""Rules between fields of one plan, and between a plan and the store. Each adds every Problem it finds."""

from collections.abc import Mapping

from quotad.config import schema
from quotad.config.document import Document, Path_


def plans_mean_something(plans: Mapping[int, schema.PlanSection], document: Document) -> None:
    """Each plan's numbers go together."""
    for at, plan in plans.items():
        path: Path_ = ("plans", at)
        if plan.burst is not None and plan.burst >= 0 and plan.rate_rps < 0:
            document.refuse((*path, "burst"), "needs rateRps: without a rate it limits nothing")
        _units_ahead_fit(plan, path, document)
        _first_period(plan, path, document)


def _units_ahead_fit(plan: schema.PlanSection, path: Path_, document: Document) -> None:
    """Units taken ahead come out of the bucket, which holds no more than ``burst``."""
    if plan.rate_rps < 0:
        return
    burst = f"burst ({plan.bucket}): the bucket never holds more"
    if plan.lease is not None and plan.lease.max_units > plan.bucket:
        document.refuse(
            (*path, "lease", "max"), f"lease.max ({plan.lease.max_units}) must be at most {burst}"
        )
    units = plan.on_store_failure.units
    if units > plan.bucket:
        document.refuse((*path, "onStoreFailure"), f"local.units ({units}) must be at most {burst}")


def _first_period(plan: schema.PlanSection, path: Path_, document: Document) -> None:
    offset, month = plan.first_period_offset, plan.month_quota_request
    if offset is None:
        if plan.starts_on is not None:
            document.refuse((*path, "startsOn"), "needs firstPeriodOffset: it serves nothing else")
        return
    if plan.starts_on is None:
        document.refuse(
            (*path, "firstPeriodOffset"), "needs startsOn: the first period is the month that contains it"
        )
    if month < 0:
        document.refuse((*path, "firstPeriodOffset"), "needs monthQuotaRequest, from which it is subtracted")
    elif offset > month:
        document.refuse((*path, "firstPeriodOffset"), f"must be at most monthQuotaRequest ({month})")


def open_is_journalled(
    plans: Mapping[int, schema.PlanSection], store: Mapping[str, object], document: Document
) -> None:
    """What is admitted without the store must survive this process, or it would never be counted.

    ``store`` is the section as given, so that another mistake in it hides nothing. An embedded
    server has a folder already.
    """
    if store.get("journal") is not None or store.get("embedded") is not None:
        return
    for at, plan in plans.items():
        if plan.on_store_failure.mode == "open":
            document.refuse(
                ("plans", at, "onStoreFailure"),
                f"open in plan {plan.usage_plan_id} needs store.journal, a folder: what is admitted without"
                " the store must be on disk to be counted later",
            )
