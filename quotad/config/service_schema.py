"""Services: where each is published, and what holds there for all callers."""

from typing import Annotated, Literal

from pydantic import Field

from quotad.config import fields as kind
from quotad.config.choices import ByName, EnvironmentName
from quotad.config.section import Section
from quotad.core.api_paths import APIS_AT_MOST, PATH_LENGTH, PATH_PATTERN, PATH_RULE
from quotad.core.plans import ENVIRONMENTS, UNLIMITED


class ThrottleSection(Section):
    """A bound on all callers together, whatever their plans."""

    rate_rps: Annotated[int, Field(ge=0, le=kind.MAX_RATE), kind.WHOLE]
    """Requests a second; 0: none."""
    burst: kind.Rate | None = None
    """Requests at one instant; absent or -1: as many as rateRps."""
    version: Annotated[int, Field(ge=0, le=kind.MAX_QUOTA), kind.WHOLE] = 0
    """Of two sidecars with different versions the higher one's numbers bind."""

    @property
    def bucket(self) -> int:
        """The burst in force."""
        return self.rate_rps if self.burst is None or self.burst == UNLIMITED else self.burst


class ServiceEnvironmentSection(Section):
    """Where a service is published, and what holds there for all callers."""

    environment: EnvironmentName
    """release, prepub or test."""
    throttle: ThrottleSection | None = None
    """Absent: the service's."""
    default_plan: kind.Id | None = None
    """The usagePlanId of callers that are bound to no plan there; absent: they get 403."""


ApiPath = Annotated[str, Field(max_length=PATH_LENGTH), kind.Matches(PATH_PATTERN, PATH_RULE)]
ApiMethod = Literal["ANY", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class ApiEnvironmentSection(Section):
    """What holds for all callers of one Api in an environment."""

    environment: EnvironmentName
    """release, prepub or test; the service is published there."""
    throttle: ThrottleSection
    """In place of the Api's."""


class ApiSection(Section):
    """One operation of a service, to which a plan can be bound instead of an environment."""

    api_id: kind.ApiId
    """Unlike the service's others. Names counters: a new id starts from zero."""
    api_name: kind.Name | None = None
    """Absent: the id."""
    method: ApiMethod = "ANY"
    """ANY: every one that no other Api of the same path has."""
    path: ApiPath
    """As the backend is asked for it; {name} stands for one segment, a last /* for whatever follows."""
    throttle: ThrottleSection | None = None
    """Of the Api's callers alone, in each environment; each counts for itself."""
    environments: Annotated[list[ApiEnvironmentSection], Field(max_length=len(ENVIRONMENTS))] = Field(
        default=[]
    )
    """Where something else holds for them."""


class ServiceSection(Section):
    """A backend as callers know it."""

    service_id: kind.Id
    """Names its counters: a new name keeps them, a new id does not."""
    service_name: kind.Name | None = None
    """Absent: the id."""
    service_desc: kind.Description = ""
    """For people."""
    environments: list[Annotated[ServiceEnvironmentSection, ByName("environment", ENVIRONMENTS)]] = Field(
        default=list(ENVIRONMENTS), validate_default=True
    )
    """Where it is published: names, or mappings with what holds there; []: nowhere yet."""
    throttle: ThrottleSection | None = None
    """Of each environment that has none of its own; each counts for itself."""
    apis: Annotated[list[ApiSection], Field(max_length=APIS_AT_MOST)] = Field(default=[])
    """What single plans can be bound to."""
