"""What the routes about use answer: the rows of ``core.usage_rows`` and what is made of them."""

from typing import Annotated, Literal

from pydantic import Field, RootModel

from quotad.config.section import Section
from quotad.controlplane.rest.shapes import EnvironmentName, Listed


class WindowUse(Section):
    """Use in one window. -1 is unlimited."""

    in_use: int
    held: int
    max: int
    left: int
    overage: int
    """Beyond a soft quota; 0 where it denies."""
    on_breach: Literal["deny", "allow"]
    ends_at: str | None


class Windows(Section):
    """Use in all of them."""

    day: WindowUse
    month: WindowUse
    total: WindowUse


class Rate(Section):
    """Requests a second, and at one instant."""

    rate_rps: int
    burst: int


class SecretUse(Section):
    """What one of several Secrets has used today."""

    secret_id: str
    secret_name: str
    day: int


class Identity(Section):
    """Whose counters."""

    usage_plan_id: str
    usage_plan_name: str
    service_id: str
    service_name: str
    environment: EnvironmentName
    api_id: str = ""
    """Where the plan is bound to single Apis."""
    api_name: str = ""
    secret_id: str = ""
    """Where each Secret has its own."""
    secret_name: str = ""
    shadow: bool = False


class UsageRow(Identity):
    """What is in use of one plan in one environment."""

    in_use_request_num: int
    max_request_num: int
    held: int
    leased: int
    windows: Windows
    rate: Rate
    by_secret: list[SecretUse] = Field(default=[])


class UsagePage(Listed):
    """Some of them."""

    store_time: str | None
    usage: list[UsageRow]


class DayUse(Section):
    """Use of a date in the plan's time zone."""

    day: str
    used: int


class HourUse(Section):
    """Use of an hour of UTC."""

    hour: str
    used: int


class HistoryRow(Identity):
    """Use of one plan in one environment."""

    timezone: str
    unit: Literal["day", "hour"]
    history: list[DayUse] | list[HourUse]


class HistoryPage(Listed):
    """Use by day or hour."""

    store_time: str | None
    usage: list[HistoryRow]


class Deleted(Section):
    """What was deleted."""

    usage_plan_id: str = ""
    secret_id: str = ""
    keys: int
    """Of the store, deleted or changed."""


class ResetWords(Section):
    """What was reset."""

    windows: list[Literal["day", "month", "total"]]


class ResetDone(Section):
    """A reset, and use after it."""

    reset: ResetWords
    store_time: str
    usage: UsageRow


class TopUpWords(Section):
    """What was raised."""

    window: Literal["day", "month", "total"]
    amount: int
    until: str


class TopUpDone(Section):
    """A top-up, and use after it."""

    top_up: TopUpWords
    store_time: str
    usage: UsageRow


class PlanNow(UsageRow):
    """The plan that holds at a place, and what is left of it."""

    subject: str
    disabled: bool
    scope: Literal["plan", "secret"]
    quota_condition: list[str]
    timezone: str
    on_store_failure: Literal["closed", "open", "local"]
    lease_max: int


class Verdict(Section):
    """What a request would meet."""

    admitted: bool
    reason: str
    detail: str
    limit: Literal["rate", "day", "month", "total", "none"]
    comes_back_at: str | None


class ShadowNow(PlanNow, Verdict):
    """The same of a shadow plan, which denies nobody."""


class PlaceExplanation(Verdict):
    """What a request would meet now."""

    secret_id: str
    service_id: str
    environment: EnvironmentName
    api_id: str
    """As it was asked for."""
    store_time: str | None
    by_default: bool
    """Whether the plan holds because the environment names it for whoever has none."""
    plan: PlanNow | None
    throttle: Rate | None
    """What all callers of the environment together are held to."""
    api_throttle: Rate | None
    """The same of the Api that was asked for."""
    shadow_plan: Annotated[ShadowNow | None, Field(alias="shadow")]


class WindowThen(WindowUse):
    """A window as it was then."""


class WindowsThen(Section):
    """All of them."""

    day: WindowThen
    month: WindowThen
    total: WindowThen


class RateThen(Rate):
    """The rate as it was then."""

    left: int


class RefusedRequest(Section):
    """What refused a request."""

    request_id: str
    sidecar: str
    at: str
    method: str
    host: str
    path: str
    status: int
    reason: str
    detail: str
    limit: str
    service_id: str
    environment: str
    api_id: str
    """Where plans are bound to single Apis."""
    usage_plan_id: str
    secret_id: str
    retry_after: int | None
    comes_back_at: str | None
    usage_plan_name: str = ""
    subject: str = ""
    decided_at: str = ""
    in_flight_only: bool = False
    windows: WindowsThen | None = None
    rate: RateThen | None = None


class Explanation(RootModel[PlaceExplanation | RefusedRequest]):
    """Why a request was refused, or what one would meet now."""
