"""The whole file as one section: for its JSON Schema, and to say what was meant by an unknown name.

What reads a file takes it section by section, and imports none that is not there.
"""

from pydantic import Field

from quotad.config import schema
from quotad.config.admin_schema import AdminSection
from quotad.config.authorize_schema import AuthorizeSection
from quotad.config.service_schema import ServiceSection
from quotad.config.tracing_schema import TracingSection
from quotad.config.webhook_schema import WebhookSection


class File(schema.Processes):
    """A quotad configuration."""

    listen: schema.ListenSection = Field(default_factory=schema.ListenSection)
    """The callers' port."""
    authorize: AuthorizeSection | None = None
    """Where other proxies ask whether a request may pass; absent: nowhere."""
    telemetry: schema.TelemetrySection = Field(default_factory=schema.TelemetrySection)
    """Where probes and metrics are read, and what is logged."""
    tracing: TracingSection | None = None
    """OpenTelemetry spans; absent: none."""
    admin: AdminSection | None = None
    """The management port; absent: none."""
    store: schema.StoreSection
    """Where counters live."""
    control: schema.ControlSection | None = None
    """Present: services, plans, Secrets and bindings live in the store; absent: in this file."""
    routes: list[schema.RouteSection] = Field(default=[])
    """What is served; the longest prefix of the most exact host wins."""
    services: list[ServiceSection] = Field(default=[])
    """Backends."""
    plans: list[schema.PlanSection] = Field(default=[])
    """Limits."""
    secrets: list[schema.SecretSection] = Field(default=[])
    """Callers."""
    bindings: list[schema.BindingSection] = Field(default=[])
    """Which caller has which plan, and where."""
    webhooks: list[WebhookSection] = Field(default=[])
    """Who is told when use crosses a part of a quota."""
