"""Webhooks: who is told that use of a plan has crossed a part of its quota, and where receivers may be."""

from base64 import b64decode, b64encode
from binascii import Error
from typing import Annotated, Literal

from pydantic import Field

from quotad.config import fields as kind
from quotad.config.section import Section
from quotad.core.plans import QUOTA_WINDOWS, Webhook

KEY_PREFIX = "whsec_"
"""Of a signing key in text, as the Standard Webhooks specification has it."""
KEY_BYTES = range(24, 65)
"""How many a signing key may have, as the specification says."""
THRESHOLDS_AT_MOST = 8
PLANS_AT_MOST = 100

_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,200}[A-Za-z0-9])?"
_PORT = r"(?:6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})"
_REST = r"(?:[/?][A-Za-z0-9._~!$&'()*+,;=:@%/?-]{0,1700})?"
URL_PATTERN = rf"https?://{_HOST}(?::{_PORT})?{_REST}"
"""A host name or an IPv4 address, no user, no fragment."""
URL_WORDS = "must be https://host/path in ASCII, without a user, a password or a fragment"


def parse_signing_key(text: str) -> str:
    """``whsec_`` and base64. Raises ValueError that does not show it."""
    decoded_key(text)
    return text


def decoded_key(text: str) -> bytes:
    """The bytes that a signing key in text stands for. Raises ValueError that does not show it."""
    words = f"must be {KEY_PREFIX} and base64 of {KEY_BYTES.start} to {KEY_BYTES.stop - 1} bytes"
    if not text.startswith(KEY_PREFIX):
        raise ValueError(words)
    try:
        key = b64decode(text.removeprefix(KEY_PREFIX), validate=True)
    except (Error, ValueError):
        raise ValueError(words) from None
    if len(key) not in KEY_BYTES:
        raise ValueError(words)
    return key


def encoded_key(key: bytes) -> str:
    """A signing key in text."""
    return KEY_PREFIX + b64encode(key).decode("ascii")


def check_url(url: str, *, allow_http: bool) -> None:
    """What is sent stays between two: plain HTTP only on purpose. Raises ValueError."""
    if url.startswith("http:") and not allow_http:
        raise ValueError("must be https, unless allowHttp is true")


WebhookUrl = Annotated[str, kind.Matches(URL_PATTERN, URL_WORDS)]
_SIGN = "[A-Za-z0-9+/]"
_KEY_PATTERN = (
    rf"{KEY_PREFIX}(?:(?:{_SIGN}{{4}}){{8,20}}(?:{_SIGN}{{2}}==|{_SIGN}{{3}}=|{_SIGN}{{4}})?"
    rf"|(?:{_SIGN}{{4}}){{21}}{_SIGN}{{2}}==)"
)
SigningKey = Annotated[str, kind.Parsed(parse_signing_key, _KEY_PATTERN)]
Threshold = Annotated[int, Field(ge=1, le=100), kind.WHOLE]
Thresholds = Annotated[list[Threshold], Field(min_length=1, max_length=THRESHOLDS_AT_MOST)]
Windows = Annotated[list[Literal["day", "month", "total"]], Field(min_length=1, max_length=3)]
PlanIds = Annotated[list[kind.Id], Field(min_length=1, max_length=PLANS_AT_MOST)]

THRESHOLDS = (50, 80, 100)
"""Unless said otherwise."""


class WebhookFields(Section):
    """What every form of a webhook has."""

    name: kind.Name
    """For people."""
    url: WebhookUrl
    """Where events are sent with POST; http only with allowHttp."""
    allow_http: kind.Flag = False
    """true: the URL may be http, so others may read along."""
    thresholds: Thresholds = Field(default=list(THRESHOLDS))
    """Percent of a quota: an event for each that use reaches."""
    windows: Windows = Field(default=["day", "month", "total"])
    """Of which quotas."""
    forecast: kind.Flag = False
    """true: also an event when a day's or month's quota would end before its window."""
    usage_plan_ids: PlanIds | None = None
    """Only of these plans; absent: of all."""
    enabled: kind.Flag = True
    """false: nothing is looked for and nothing is sent."""


class WebhookSection(WebhookFields):
    """Who is told that a plan's use has crossed a part of its quota."""

    webhook_id: kind.Id
    """Names what was sent already: a new id is told all again."""
    signing_key: SigningKey | None = None
    """whsec_ and base64 of 24 to 64 bytes; best given as ${VAR} or file:."""


class AdminWebhooksSection(Section):
    """From where and to where webhooks are delivered by processes that serve this port."""

    networks: Annotated[list[kind.Network], Field(max_length=100)] = Field(default=[])
    """Where receivers may be beside public addresses, like 10.0.0.0/8."""
    ca: kind.Text | None = None
    """PEM file of the authorities that vouch for receivers; absent: those that the system trusts."""


def webhook_of(section: WebhookSection) -> Webhook:
    """A webhook; thresholds ascend, windows stand in their order, each once."""
    return Webhook(
        section.webhook_id,
        section.name,
        section.url,
        b"" if section.signing_key is None else decoded_key(section.signing_key),
        tuple(sorted(set(section.thresholds))),
        tuple(name for name in QUOTA_WINDOWS if name in section.windows),
        section.forecast,
        tuple(dict.fromkeys(section.usage_plan_ids or ())),
        section.enabled,
        section.allow_http,
    )
