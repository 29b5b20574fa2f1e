"""The strong signature: HTTP Message Signatures (RFC 9421), hmac-sha256. A head in, a Proof or a refusal out.

What a signature must cover and how long it is good is the route's to say (``SignatureRules``). What it
names and cannot be had here is refused, never skipped. Whether its nonce is new is for others to find out.
"""

import hmac
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from quotad.config.model import AuthRules, SignatureRules
from quotad.core.credentials import (
    ABSENT_KEY,
    AuthRefusal,
    is_basic,
    is_hmac,
    proves_otherwise,
    refusal,
)
from quotad.core.digests import read_content_digest
from quotad.core.plans import Secret
from quotad.core.proven import is_usable
from quotad.core.request import RequestFields
from quotad.core.structured import (
    InnerList,
    Item,
    Parameters,
    parse_dictionary,
    serialize_member,
    serialize_parameters,
)

ALGORITHM = "hmac-sha256"
TAG = "quotad"
"""Of several signatures in one message, ours is the one with this tag, or with none."""
CONTENT_DIGEST = "content-digest"

REPLAY_REACH = {"off": 0, "process": 1, "fleet": 2}
"""How far each way to look for a used nonce reaches."""

_NONCE = re.compile(r"[!-~]{1,128}")
_SECRET_ID = re.compile(r"[A-Za-z0-9_-]{5,50}")
_FIELD_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-z]+")
_COMPONENTS_AT_MOST = 64

_IMPLIED = {
    "@target-uri": ("@authority", "@path", "@query", "@scheme"),
    "@request-target": ("@path", "@query"),
    "host": ("@authority",),
}
"""What a component says besides itself."""

_DEFAULT_PORTS = {"http": b":80", "https": b":443"}


class Message(NamedTuple):
    """What of a request a signature can be about."""

    method: bytes
    target: bytes
    """Origin-form, byte for byte; ``*`` for OPTIONS."""
    authority: bytes
    """As the caller asked for it: of an absolute-form target, else Host."""
    scheme: str
    is_absolute: bool
    """The target was sent in absolute-form, of which only the parts are known."""
    has_body: bool
    pairs: Sequence[tuple[bytes, bytes]]
    """(Lower-case name, value) of each field line, in order."""


class Proof(NamedTuple):
    """A signature that is right, and what it binds the rest of the request to."""

    secret: Secret
    digests: dict[str, bytes]
    """What the body must be (``core.digests``); empty: nothing is said of it."""
    nonce: bytes
    """Good for one request; empty where the route asks for none."""
    keep_s: float
    """How long the nonce must be remembered."""
    replay: str
    """Over whom it must be new: ``off``, ``process`` or ``fleet``."""


class _Signed(NamedTuple):
    """One member of Signature-Input, with its signature."""

    components: InnerList
    signature: bytes
    names: frozenset[str]
    """What is covered, what is implied included."""

    @property
    def parameters(self) -> Parameters:
        return self.components.parameters


_MISSING = refusal("signature_missing")
_FORMAT = refusal("signature_format")
_STALE = refusal("signature_stale")
_UNVERIFIED = refusal("signature_unverified")
_DIGEST = refusal("signature_digest")


def is_signed(fields: RequestFields, rules: AuthRules) -> bool:
    """Whether a signature in fields of its own decides who calls: it is there, is on, and comes first."""
    if not rules.signature or not fields.signed or (rules.key_pair and fields.secret_lines):
        return False
    value = fields.authorization
    return value is None or not ((rules.hmac and is_hmac(value)) or (rules.basic and is_basic(value)))


def verify(
    message: Message, secrets: Mapping[str, Secret], rules: SignatureRules, now_s: float
) -> Proof | AuthRefusal:
    """Who signed this message. An unknown, disabled or expired Secret is refused as a wrong signature is.

    ``now_s``: seconds since the epoch.
    """
    signed = _read(message)
    if isinstance(signed, AuthRefusal):
        return signed
    refused = _check_coverage(signed, message, rules) or _check_parameters(signed.parameters, rules, now_s)
    if refused is not None:
        return refused
    base = signature_base(signed.components, message)
    if isinstance(base, AuthRefusal):
        return base
    secret = secrets.get(str(signed.parameters["keyid"]))
    key = ABSENT_KEY if secret is None else secret.secret_key
    matches = hmac.compare_digest(hmac.digest(key, base, "sha256"), signed.signature)
    if not matches:
        matches = proves_otherwise(
            secret,
            now_s,
            lambda spare: hmac.compare_digest(hmac.digest(spare, base, "sha256"), signed.signature),
        )
    if secret is None or not is_usable(secret, now_s) or not matches:
        return _UNVERIFIED
    digests: dict[str, bytes] = {}
    if CONTENT_DIGEST in signed.names:
        try:
            digests = read_content_digest(_values(message, b"content-digest"))
        except ValueError:
            return _DIGEST
    nonce = b"" if rules.replay == "off" else str(signed.parameters["nonce"]).encode()
    return Proof(secret, digests, nonce, rules.keep_s, rules.replay)


def _read(message: Message) -> _Signed | AuthRefusal:
    """The one signature that is for us."""
    try:
        inputs = parse_dictionary(_joined(message, b"signature-input").decode("ascii"))
        signatures = parse_dictionary(_joined(message, b"signature").decode("ascii"))
    except ValueError:
        return _FORMAT
    ours: list[tuple[str, InnerList]] = []
    for label, member in inputs.items():
        if not isinstance(member, InnerList):
            return _FORMAT
        if member.parameters.get("tag", TAG) == TAG:
            ours.append((label, member))
    if not ours:
        return _MISSING
    ((label, components), *others) = ours
    signature = signatures.get(label)
    if others or not isinstance(signature, Item) or not isinstance(signature.value, bytes):
        return _FORMAT
    identifiers = [serialize_member(item) for item in components.items]
    if len(identifiers) > _COMPONENTS_AT_MOST or len(set(identifiers)) != len(identifiers):
        # RFC 9421, section 2.5: each component once.
        return _FORMAT
    return _Signed(components, signature.value, frozenset(_covered(components, message)))


def _covered(components: InnerList, message: Message) -> Iterator[str]:
    for item in components.items:
        # A part of a field, or a re-encoding of it, is not taken for the field.
        if isinstance(item.value, str) and not item.parameters:
            yield item.value
            # An absolute-form target has an authority of its own, whatever Host says.
            if item.value != "host" or not message.is_absolute:
                yield from _IMPLIED.get(item.value, ())


def _check_coverage(signed: _Signed, message: Message, rules: SignatureRules) -> AuthRefusal | None:
    for name in rules.covered:
        if name == CONTENT_DIGEST and not message.has_body:
            continue
        if name not in signed.names:
            return refusal("signature_uncovered", name)
    return None


def _check_parameters(parameters: Parameters, rules: SignatureRules, now_s: float) -> AuthRefusal | None:
    """RFC 9421, section 2.3, and when the signature is good."""
    if parameters.get("alg", ALGORITHM) != ALGORITHM:
        return refusal("signature_parameter", "alg")
    if not _is_text(parameters.get("keyid"), _SECRET_ID):
        return refusal("signature_parameter", "keyid")
    if rules.replay != "off" and not _is_text(parameters.get("nonce"), _NONCE):
        return refusal("signature_parameter", "nonce")
    created, expires = parameters.get("created"), parameters.get("expires")
    if isinstance(created, bool) or not isinstance(created, int):
        return refusal("signature_parameter", "created")
    if created > now_s + rules.skew_s or created + rules.max_age_s < now_s:
        return _STALE
    if expires is None:
        return None
    if isinstance(expires, bool) or not isinstance(expires, int):
        return refusal("signature_parameter", "expires")
    return _STALE if expires + rules.skew_s < now_s else None


def _is_text(value: object, pattern: re.Pattern[str]) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def signature_base(components: InnerList, message: Message) -> bytes | AuthRefusal:
    """RFC 9421, section 2.5: what the HMAC is made of."""
    lines = []
    for item in components.items:
        value = _component(item, message)
        if value is None:
            named = item.value if isinstance(item.value, str) else ""
            shown = named if _FIELD_NAME.fullmatch(named.removeprefix("@")) else "a component"
            return refusal("signature_component", shown)
        lines.append(b"%b: %b\n" % (serialize_member(item).encode("ascii"), value))
    inner = " ".join(map(serialize_member, components.items))
    parameters = f'"@signature-params": ({inner}){serialize_parameters(components.parameters)}'
    return b"".join(lines) + parameters.encode("ascii")


def _component(item: Item, message: Message) -> bytes | None:
    """One component's value; None when it is not there, or cannot be told here."""
    name, parameters = item.value, item.parameters
    if not isinstance(name, str):
        return None
    if name.startswith("@"):
        return None if parameters else _derived(name, message)
    if not _FIELD_NAME.fullmatch(name):
        return None
    values = _values(message, name.encode("ascii"))
    if not values or (parameters and parameters != {"bs": True}):
        return None
    if parameters:
        # RFC 9421, section 2.1.3.
        return ", ".join(f":{b64encode(value).decode('ascii')}:" for value in values).encode("ascii")
    return b", ".join(values)


def _derived(name: str, message: Message) -> bytes | None:
    """RFC 9421, section 2.2; of what a request has."""
    path, mark, query = message.target.partition(b"?")
    if name == "@method":
        return message.method
    if name == "@authority":
        return _authority(message)
    if name == "@scheme":
        return message.scheme.encode()
    if name == "@request-target":
        return None if message.is_absolute else message.target
    if name == "@path":
        return path if path.startswith(b"/") else None
    if name == "@query":
        return b"?" + query
    if name == "@target-uri" and path.startswith(b"/"):
        return b"%b://%b%b%b%b" % (message.scheme.encode(), _authority(message), path, mark, query)
    return None


def _authority(message: Message) -> bytes:
    """Section 2.2.3: lower case, without the port that the scheme implies."""
    return message.authority.lower().removesuffix(_DEFAULT_PORTS.get(message.scheme, b"\n"))


def _values(message: Message, name: bytes) -> list[bytes]:
    return [value for found, value in message.pairs if found == name]


def _joined(message: Message, name: bytes) -> bytes:
    return b", ".join(_values(message, name))
