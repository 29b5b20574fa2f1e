"""The section on OpenTelemetry spans."""

from typing import Annotated

from pydantic import Field

from quotad.config import fields as kind
from quotad.config.section import Section

Endpoint = Annotated[
    str,
    kind.Matches(
        r"https?://[A-Za-z0-9._:\[\]-]{1,255}(/[\x21-\x7e]{0,1000})?",
        "must be http:// or https://, host:port and a path",
    ),
]


class TracingSection(Section):
    """OpenTelemetry spans; absent: none are made. Needs the extra otel."""

    endpoint: Endpoint
    """Where spans go, by OTLP over HTTP: http://127.0.0.1:4318/v1/traces."""
    follow: kind.Flag = True
    """Whether requests are recorded whose traceparent says that their sender records them."""
    one_in: Annotated[int, Field(ge=0, le=1_000_000_000), kind.WHOLE] = 0
    """Of so many requests without a traceparent one begins a trace; 0: none does."""
