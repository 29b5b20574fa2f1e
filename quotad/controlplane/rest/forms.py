"""What is sent to the native routes, beside the forms that all dialects share (``values``)."""

from typing import Annotated, Literal

from pydantic import Field

from quotad.config import fields as kind
from quotad.config.section import Section
from quotad.controlplane.values import SecretForm
from quotad.core.api_paths import APIS_AT_MOST

PAGE_AT_MOST = 1_000
AUDIT_AT_MOST = 100
SECRETS_AT_ONCE = 200
PLANS_AT_ONCE = 100

Search = Annotated[
    str,
    kind.Matches(r"[^\x00-\x1f\x7f]{0,50}", "must be at most 50 characters, none a control character"),
]
EnvironmentName = Literal["release", "prepub", "test"]


class PageQuery(Section):
    """A part of a list, the oldest first."""

    limit: Annotated[int, Field(ge=1, le=PAGE_AT_MOST)] = 100
    """How many at most."""
    offset: Annotated[int, Field(ge=0, le=10**15 - 1)] = 0
    """After how many."""


class ServicesQuery(PageQuery):
    """Which services."""

    search: Search = ""
    """Only those with this in their id or name; case does not matter."""


class ApisQuery(PageQuery):
    """Which Apis of a service."""

    search: Search = ""
    """Only those with this in their id, name or path; case does not matter."""


class PlansQuery(ServicesQuery):
    """Which plans."""


class SecretsQuery(ServicesQuery):
    """Which Secrets. A SecretKey cannot be searched for."""

    enabled: bool | None = None
    """Only enabled, or only disabled ones."""
    type: Literal["auto", "manual"] | None = None
    """Only those that quotad made, or only those that were given."""


class SecretBindingsQuery(PageQuery):
    """Which bindings of plans and Secrets; one of both is needed."""

    usage_plan_id: kind.Id | None = None
    """The Secrets of this plan."""
    secret_id: kind.SecretId | None = None
    """The plans of this Secret."""


class EnvironmentBindingsQuery(PageQuery):
    """Which bindings of plans and environments."""

    usage_plan_id: kind.Id | None = None
    """Only of this plan."""
    service_id: kind.Id | None = None
    """Only in this service."""
    environment: EnvironmentName | None = None
    """Only in this environment."""
    api_id: kind.ApiId | None = None
    """Only of this Api."""


class AuditQuery(Section):
    """Which part of the audit log, the newest first."""

    limit: Annotated[int, Field(ge=1, le=AUDIT_AT_MOST)] = 50
    """How many at most."""
    before: (
        Annotated[str, kind.Matches(r"[0-9]{1,16}-[0-9]{1,16}", "must be the next of an answer")] | None
    ) = None
    """Only older ones: next of the answer before."""


class PublishForm(Section):
    """A release."""

    release_desc: kind.Description = ""
    """For people."""
    version_name: Annotated[
        str, kind.Matches(r"[A-Za-z0-9._-]{0,64}", "must be at most 64 characters of A-Z a-z 0-9 . _ -")
    ] = ""
    """Empty: the time, in seconds."""


class DefaultPlanForm(Section):
    """The plan of whoever has none there."""

    usage_plan_id: kind.Id
    """The plan."""


class SecretBindingForm(Section):
    """A plan and Secrets; all or none."""

    usage_plan_id: kind.Id
    """The plan."""
    secret_ids: Annotated[list[kind.SecretId], Field(min_length=1, max_length=SECRETS_AT_ONCE)]
    """The Secrets."""


class EnvironmentUnbindingForm(Section):
    """Plans and an environment; all or none."""

    usage_plan_ids: Annotated[list[kind.Id], Field(min_length=1, max_length=PLANS_AT_ONCE)]
    """The plans."""
    service_id: kind.Id
    """The service."""
    environment: EnvironmentName
    """Its environment."""
    api_ids: Annotated[list[kind.ApiId], Field(min_length=1, max_length=APIS_AT_MOST)] | None = None
    """These single Apis of it there; absent: the whole environment."""


class DemotionForm(Section):
    """Plans that hold for whole environments of a service and are to hold for each of its Apis instead."""

    service_id: kind.Id
    """The service."""
    environment: EnvironmentName | None = None
    """Only in this environment."""
    usage_plan_ids: Annotated[list[kind.Id], Field(min_length=1, max_length=PLANS_AT_ONCE)] | None = None
    """Only these plans."""


class EnvironmentBindingForm(EnvironmentUnbindingForm):
    """Plans and an environment; all or none."""

    shadow: kind.Flag = False
    """true: the plans are computed and reported there, and deny nobody."""


class SecretsForm(Section):
    """Several key pairs; all or none."""

    secrets: Annotated[list[SecretForm], Field(min_length=1, max_length=SECRETS_AT_ONCE)]
    """The pairs."""


class UsageQuery(ServicesQuery):
    """Whose use. What is searched for stands in the id or name of the plan or the service."""

    usage_plan_id: kind.Id | None = None
    """Only of this plan."""
    service_id: kind.Id | None = None
    """Only in this service."""
    environment: EnvironmentName | None = None
    """Only in this environment."""
    secret_id: kind.Id | None = None
    """Only by this Secret."""
    shadow: bool | None = None
    """true: only of shadow plans; false: only of enforcing ones."""
    api_id: kind.ApiId | None = None
    """Only of this Api."""
    by_secret: bool = False
    """true: also use by Secret where several share counters; limit is then 100 at most."""


class HistoryQuery(Section):
    """Whose use, and of which time."""

    search: Search = ""
    """Only with this in the id or name of the plan or the service; case does not matter."""
    unit: Literal["day", "hour"]
    """day: dates in the plan's time zone; hour: those of UTC."""
    usage_plan_id: kind.Id | None = None
    """Only of this plan."""
    service_id: kind.Id | None = None
    """Only in this service."""
    environment: EnvironmentName | None = None
    """Only in this environment."""
    api_id: kind.ApiId | None = None
    """Only of this Api."""
    secret_id: kind.Id | None = None
    """Only by this Secret."""
    shadow: bool = False
    """true: of shadow plans; else of enforcing ones."""
    start: Annotated[str | None, Field(alias="from")] = None
    """First date, or from when on (RFC 3339) for hours."""
    end: Annotated[str | None, Field(alias="to")] = None
    """Last date, or until when for hours."""
    limit: Annotated[int, Field(ge=1, le=100)] = 100
    """How many at most."""
    offset: Annotated[int, Field(ge=0, le=10**15 - 1)] = 0
    """After how many."""


class ActivityQuery(Section):
    """Of which place; empty: of all."""

    usage_plan_id: kind.Id | None = None
    """Only of this plan."""
    service_id: kind.Id | None = None
    """Only in this service."""
    environment: EnvironmentName | None = None
    """Only in this environment."""


class RefusalsQuery(PageQuery):
    """Which refusals."""

    usage_plan_id: kind.Id | None = None
    """Only by this plan."""
    service_id: kind.Id | None = None
    """Only in this service."""
    environment: EnvironmentName | None = None
    """Only in this environment."""
    secret_id: kind.Id | None = None
    """Only of this Secret."""


class ExplainQuery(Section):
    """A request id alone; or a Secret, a service and an environment."""

    request_id: Annotated[str, Field(pattern="^[0-9a-f]{20,32}$")] | None = None
    """Of a refusal."""
    secret_id: kind.Id | None = None
    """Who would call."""
    service_id: kind.Id | None = None
    """What would be called."""
    environment: EnvironmentName | None = None
    """Where."""
    api_id: kind.ApiId | None = None
    """Where plans are bound to single Apis: which one."""


class DeletionQuery(Section):
    """Whose use is deleted: one of both."""

    usage_plan_id: kind.Id | None = None
    """Of a plan that is no more."""
    secret_id: kind.SecretId | None = None
    """Of a Secret that is no more."""


class SubjectForm(Section):
    """Whose use is changed."""

    usage_plan_id: kind.Id
    """The plan."""
    service_id: kind.Id
    """The service."""
    environment: EnvironmentName
    """Its environment."""
    api_id: kind.ApiId = Field(default="", validate_default=False)
    """Where the plan is bound to single Apis: which one."""
    secret_id: kind.SecretId = Field(default="", validate_default=False)
    """Where each Secret has counters of its own: whose."""
    shadow: bool = False
    """true: those of the shadow plan."""
    reason: Annotated[str, Field(min_length=1, max_length=500)]
    """For the audit log."""


class ResetForm(SubjectForm):
    """Use goes to 0; limits, and what requests in flight hold, stay."""

    windows: Annotated[list[Literal["day", "month", "total"]], Field(min_length=1)]
    """Whose use."""


class TopUpForm(SubjectForm):
    """A limit is raised for a time."""

    window: Literal["day", "month", "total"]
    """Which one."""
    amount: Annotated[int, Field(ge=1, le=kind.MAX_QUOTA)]
    """By how many requests."""
    until: Literal["windowEnd", "never"] | Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    """windowEnd, never or an RFC 3339 time."""
