"""All records at once: what is sent, and what is answered."""

from typing import Annotated, Literal

from pydantic import Field, RootModel

from quotad.config import fields as kind
from quotad.config.schema import BindingSection, PlanSection
from quotad.config.section import Section
from quotad.config.service_schema import ServiceSection
from quotad.config.webhook_schema import WebhookSection
from quotad.controlplane.rest.forms import SECRETS_AT_ONCE
from quotad.controlplane.rest.shapes import Problem


class _Named(Section):
    secret_name: kind.SecretName | None = None
    """Absent: the id."""
    secret_id: kind.SecretId
    """5 to 50 characters."""
    secret_desc: kind.Description = ""
    """For people."""
    secondary_key: kind.SecretKey | None = None
    """A second key, as good as the other; absent: that which is there already, if any."""
    expires_at: kind.Expiry | None = None
    """RFC 3339; from then on refused like an unknown one."""


class WantedSecret(_Named):
    """A caller's key pair, as in a file but for the key."""

    secret_key: kind.SecretKey | None = None
    """Absent: that of the Secret which is there already."""
    enabled: kind.Flag = True
    """false: refused like an unknown one."""


class RecordsForm(Section):
    """The records as a configuration file has them. Nothing in it is a reference."""

    services: list[ServiceSection] = Field(default=[])
    """Backends."""
    plans: list[PlanSection] = Field(default=[])
    """Limits."""
    secrets: list[WantedSecret] = Field(default=[])
    """Callers."""
    bindings: list[BindingSection] = Field(default=[])
    """Which caller has which plan, and where."""
    webhooks: list[WebhookSection] = Field(default=[])
    """Who is told of crossed quotas; without signingKey: that of the one which is there already."""
    remarks: list[str] = Field(default=[])
    """Passed over: so that an export can be sent back as it is."""


class ApplyQuery(Section):
    """How records are applied."""

    dry_run: bool = False
    """true: nothing is changed."""
    prune: bool = False
    """true: services, plans, Secrets and webhooks that are not named are deleted."""


class ExportQuery(Section):
    """What is exported."""

    with_keys: bool = False
    """true: with SecretKeys and signing keys in clear; the audit log tells of it."""


class Difference(Section):
    """One record that is not as it is to be."""

    sign: Literal["+", "~", "-"]
    """Made, changed, deleted."""
    kind: Literal["service", "plan", "secret", "webhook"]
    id: str
    words: str
    """In what, for people; never a SecretKey."""


class Applied(Section):
    """What was changed, or would be."""

    dry_run: bool
    differences: list[Difference]
    steps: int
    """Commits: each is whole or not at all."""
    writes: int


class ComparedLine(Section):
    """Some more of the Secrets were compared."""

    event: Literal["compared"]
    secrets: int


class PlannedLine(Applied):
    """All were: what is to be done."""

    event: Literal["planned"]
    etag: str
    """The state that was compared."""


class CommittedLine(Section):
    """A commit was made."""

    event: Literal["committed"]
    writes: int
    """Of this one."""


class DoneLine(Section):
    """The last line: it is done."""

    event: Literal["done"]


class FailedLine(Section):
    """The last line: it ended here. What was committed stays; applied again, the rest is done."""

    event: Literal["failed"]
    problem: Problem


class ApplyLine(RootModel[ComparedLine | PlannedLine | CommittedLine | DoneLine | FailedLine]):
    """A line of an answer that comes while records are applied."""


class GivenSecret(_Named):
    """A key pair that is brought."""

    secret_key: kind.SecretKey
    """Its key."""


class ImportForm(Section):
    """Several key pairs, all or none."""

    secrets: Annotated[list[GivenSecret], Field(min_length=1, max_length=SECRETS_AT_ONCE)]
    """The pairs, each with its id and key."""
    strict: kind.Flag = False
    """true: one that is there already is an error; false: only if its key, name or expiry is another."""


class Imported(Section):
    """What came of it."""

    made: int
    known: int
    """There already, with the same values."""
