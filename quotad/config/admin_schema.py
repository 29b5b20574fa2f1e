"""The management port: who may sign in, and how."""

from typing import Annotated, Literal

from pydantic import Field

from quotad.config import fields as kind
from quotad.config.section import Section
from quotad.config.webhook_schema import AdminWebhooksSection


class AdminClientSection(Section):
    """What a client certificate is good for."""

    name: kind.Text
    """A subject alternative name (DNS, URI, e-mail) or the common name, letter for letter."""
    role: Literal["read", "operate", "admin"]
    """What whoever shows it may do."""


class AdminTlsSection(Section):
    """TLS on the management port; absent: plain HTTP."""

    certificate: kind.Text
    """PEM file, with what leads to the authority."""
    key: kind.Text
    """PEM file, without a password."""
    client_ca: kind.Text | None = None
    """PEM file of the authorities whose certificates clients may show; goes with clients."""
    clients: Annotated[list[AdminClientSection], Field(max_length=1000)] = Field(default=[])
    """Who may sign in by certificate."""


class AdminKeyPairSection(Section):
    """An admin's key pair, which signs requests of the clouds' formats."""

    name: kind.Text
    """For people."""
    role: Literal["read", "operate", "admin"]
    """What whoever signs with it may do."""
    secret_id: kind.SecretId
    """What the clouds' clients call SecretId, or access key."""
    secret_key: kind.SecretKey
    """10 to 50 characters; best given as ${VAR} or file:."""


class AdminSection(Section):
    """The management port; without this section there is none."""

    address: kind.ListenAddress
    """host:port; beyond loopback only with a token, with tls.clients, or in control mode."""
    token: kind.Token | None = None
    """Bearer token of at least 20 characters; best given as ${VAR} or file:. Not needed in control mode."""
    unauthenticated_loopback: kind.Flag = False
    """true: no token is asked for. Only on loopback."""
    audit_log: kind.Text = "quotad-audit.jsonl"
    """File that says who reset or topped up what; a relative one from the configuration's folder."""
    tls: AdminTlsSection | None = None
    """Absent: plain HTTP."""
    key_pairs: Annotated[list[AdminKeyPairSection], Field(max_length=1000)] = Field(default=[])
    """Who may sign requests of the clouds' formats, beside the key pairs of the control records."""
    hosts: Annotated[list[kind.CertificateName], Field(max_length=100)] = Field(default=[])
    """Names under which the port is reached, beside its address; requests with another Host are refused."""
    console: kind.Flag = True
    """false: the web console is not served."""
    session_ms: Annotated[int, Field(ge=60_000, le=2_592_000_000), kind.WHOLE] = 28_800_000
    """How long a browser stays signed in to the console."""
    access_log: Annotated[str, kind.Matches(r"[^\x00]{0,1024}", "must be at most 1024 characters")] = ""
    """A line for each request: - is standard output, else a file's path; empty: none."""
    access_log_one_in: Annotated[int, Field(ge=1, le=1_000_000), kind.WHOLE] = 1
    """Of so many requests that were answered below 400 one has a line; all others have theirs."""
    webhooks: AdminWebhooksSection = Field(default_factory=AdminWebhooksSection)
    """To where webhooks may be delivered."""
