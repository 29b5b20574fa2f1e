"""How callers of a route may say who they are."""

from typing import Annotated, Literal

from pydantic import Field

from quotad.config import fields as kind
from quotad.config.section import Section


class SignatureRulesSection(Section):
    """What a strong signature (RFC 9421) must be like."""

    covered: Annotated[list[kind.Component], Field(min_length=1, max_length=32)] = Field(
        default=["@method", "@authority", "@path", "@query", "content-digest"]
    )
    """Components that must be covered; content-digest only where there is a body."""
    max_age_ms: Annotated[int, Field(ge=1_000, le=3_600_000), kind.WHOLE] = 300_000
    """How long after its created a signature is good."""
    skew_ms: Annotated[int, Field(ge=0, le=600_000), kind.WHOLE] = 60_000
    """By how much clocks may differ."""
    replay: Literal["off", "process", "fleet"] = "process"
    """Over whom a nonce is good for one request only; off: none is asked for."""
    check_body_bytes: Annotated[int, Field(ge=0, le=1_048_576), kind.WHOLE] = 16 * 1024
    """Bodies of a known length up to this are checked before anything goes on."""


class AuthenticationSection(Section):
    """How callers of a route may say who they are."""

    hmac: kind.Flag = True
    """HMAC signature in Authorization."""
    key_pair: kind.Flag = True
    """X-Secret-Id and X-Secret-Key."""
    basic: kind.Flag = True
    """Authorization: Basic."""
    check_date: kind.Flag = True
    """false: a signed Date may be any age (x-date never)."""
    distinct_refusals: kind.Flag = False
    """true: a wrong signature of a known Secret is told apart from an unknown Secret."""
    pass_credentials: kind.Flag = False
    """true: authentication headers go on to the backend."""
    signature: kind.Flag = True
    """HTTP Message Signature (RFC 9421, hmac-sha256) in Signature and Signature-Input."""
    signature_rules: SignatureRulesSection = Field(default_factory=SignatureRulesSection)
    """What such a signature must be like."""
