import datetime as dt
from base64 import b64decode, b64encode
from dataclasses import replace
from typing import Any

import pytest
from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver, algorithms
from hypothesis import given
from hypothesis import strategies as st

from quotad.config.model import AuthRules, SignatureRules
from quotad.core.credentials import AuthRefusal
from quotad.core.plans import Secret
from quotad.core.replies import ROWS
from quotad.core.request import read_request_fields
from quotad.core.signature import Message, Proof, is_signed, verify
from tests.support.properties import examples
from tests.support.signed import signed_message

NOW_S = 1_618_884_500.0
KEY = b"secret-key-of-a-test"
SECRET = Secret("one", "AKIDtest", KEY)
SECRETS = {
    "AKIDtest": SECRET,
    "AKIDoff": Secret("off", "AKIDoff", KEY, enabled=False),
    "AKIDold": Secret("old", "AKIDold", KEY, expires_at_s=NOW_S - 1),
}
RULES = SignatureRules()
PLAIN = Message(
    b"GET", b"/a/b?c=%2F&d", b"Example.test:80", "http", False, False, ((b"host", b"Example.test:80"),)
)
USUAL = (
    ('"@method"', b"GET"),
    ('"@authority"', b"example.test"),
    ('"@path"', b"/a/b"),
    ('"@query"', b"?c=%2F&d"),
)
PARAMETERS = ';created=1618884473;nonce="n1";keyid="AKIDtest"'


def signed(
    values: tuple[tuple[str, bytes], ...] = USUAL,
    parameters: str = PARAMETERS,
    message: Message = PLAIN,
    key: bytes = KEY,
    label: str = "sig",
) -> Message:
    """A message whose signature covers what ``values`` name, and is right for these values."""
    covered = " ".join(name for name, _ in values)
    return signed_message(covered, parameters, key=key, values=values, message=message, label=label)


def outcome(message: Message, rules: SignatureRules = RULES, now_s: float = NOW_S) -> str:
    """The refusal's key; empty when it is proven."""
    found = verify(message, SECRETS, rules, now_s)
    return found.key if isinstance(found, AuthRefusal) else ""


def test_the_known_answer_of_the_rfc() -> None:
    """RFC 9421, appendix B.2.5: the signature made there with the shared key is right, and no other."""
    key = b64decode(
        "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
    )
    fields = {
        b"host": b"example.com",
        b"date": b"Tue, 20 Apr 2021 02:07:55 GMT",
        b"content-type": b"application/json",
        b"signature-input": b'sig-b25=("date" "@authority" "content-type")'
        b';created=1618884473;keyid="test-shared-secret"',
        b"signature": b"sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:",
    }
    rules = SignatureRules(covered=("date",), replay="off")
    secrets = {"test-shared-secret": Secret("test", "test-shared-secret", key)}

    def proven() -> bool:
        message = Message(
            b"POST", b"/foo?param=Value", b"example.com", "http", False, True, tuple(fields.items())
        )
        return isinstance(verify(message, secrets, rules, NOW_S), Proof)

    assert proven()
    for name in (b"date", b"content-type"):
        was, fields[name] = fields[name], b"another"
        assert not proven()
        fields[name] = was


def test_what_is_proven() -> None:
    """Who signed, which nonce is used up by it, and for how long it must be remembered."""
    found = verify(signed(), SECRETS, RULES, NOW_S)
    assert found == Proof(SECRET, {}, b"n1", 480.0, "process")
    found = verify(
        signed(parameters=';created=1618884473;keyid="AKIDtest"'),
        SECRETS,
        replace(RULES, replay="off"),
        NOW_S,
    )
    assert found == Proof(SECRET, {}, b"", 480.0, "off")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ('"@method"', b"POST"),
        ('"@authority"', b"another.test"),
        ('"@path"', b"/a"),
        ('"@path"', b"/a/b?c=%2F&d"),
        ('"@query"', b"?c=/&d"),
        ('"@query"', b"?"),
    ],
)
def test_another_request(name: str, value: bytes) -> None:
    """A signature that was made for another method, host, path or query is wrong."""
    assert (
        outcome(signed(tuple((key, value if key == name else usual) for key, usual in USUAL)))
        == "signature_unverified"
    )


def test_a_second_key_signs_as_well() -> None:
    """Signed with the secondary key, or with what a key was until its overlap ends, it is the same caller."""
    second, older = b"the-second-key-of-it", b"the-older-key-of-it"
    both = replace(SECRET, secondary_key=second, previous_keys=((older, NOW_S + 1),))
    known = {SECRET.secret_id: both}
    for key in (second, older):
        found = verify(signed(key=key), known, RULES, NOW_S)
        assert isinstance(found, Proof)
        assert found.secret is both
    late = replace(both, previous_keys=((older, NOW_S),))
    assert isinstance(verify(signed(key=older), {SECRET.secret_id: late}, RULES, NOW_S), AuthRefusal)


@pytest.mark.parametrize("secret_id", ["AKIDnobody", "AKIDoff", "AKIDold"])
def test_unknown_and_unusable_look_like_wrong(secret_id: str) -> None:
    """Who does not exist, is disabled or has expired is refused in the words for a wrong signature."""
    parameters = f';created=1618884473;nonce="n1";keyid="{secret_id}"'
    found = verify(signed(parameters=parameters), SECRETS, RULES, NOW_S)
    assert found == verify(signed(key=b"another-key-of-a-test"), SECRETS, RULES, NOW_S)
    assert isinstance(found, AuthRefusal)
    assert found.detail == ROWS["signature_unverified"].detail == "The signature cannot be verified."


@pytest.mark.parametrize(
    ("parameters", "key"),
    [
        (';created=1618884473;nonce="n1"', "signature_parameter"),
        (";created=1618884473;nonce=n1;keyid=AKIDtest", "signature_parameter"),
        (';created=1618884473;keyid="AKIDtest"', "signature_parameter"),
        (';created=1618884473;nonce="";keyid="AKIDtest"', "signature_parameter"),
        (';created=1618884473;nonce=n1;keyid="AKIDtest"', "signature_parameter"),
        (';nonce="n1";keyid="AKIDtest"', "signature_parameter"),
        (';created="1618884473";nonce="n1";keyid="AKIDtest"', "signature_parameter"),
        (';created;nonce="n1";keyid="AKIDtest"', "signature_parameter"),
        (';created=1618884473.0;nonce="n1";keyid="AKIDtest"', "signature_parameter"),
        (f"{PARAMETERS};expires", "signature_parameter"),
        (f'{PARAMETERS};alg="hmac-sha512"', "signature_parameter"),
        (f"{PARAMETERS};alg=hmac-sha256", "signature_parameter"),
        (f'{PARAMETERS};tag="another"', "signature_missing"),
        (f'{PARAMETERS};keyid="AKIDtest"', "signature_format"),
        (f'{PARAMETERS};tag="quotad";alg="hmac-sha256";expires=1618884600;more=1', ""),
    ],
)
def test_parameters(parameters: str, key: str) -> None:
    """keyid, created, nonce are needed; alg and tag, where given, are ours; others change nothing."""
    assert outcome(signed(parameters=parameters)) == key


@pytest.mark.parametrize(
    ("created", "expires", "key"),
    [
        (0, None, ""),
        (60, None, ""),
        (61, None, "signature_stale"),
        (-300, None, ""),
        (-301, None, "signature_stale"),
        (-301, 1000, "signature_stale"),
        (0, 1, ""),
        (-100, -60, ""),
        (-100, -61, "signature_stale"),
    ],
)
def test_when_it_is_good(created: int, expires: int | None, key: str) -> None:
    """From the skew before created until maxAge after it; after expires only for the skew."""
    now = int(NOW_S)
    parameters = f';created={now + created};nonce="n1";keyid="AKIDtest"'
    if expires is not None:
        parameters += f";expires={now + expires}"
    assert outcome(signed(parameters=parameters)) == key


def test_what_must_be_covered() -> None:
    """Each component that the route asks for, in itself or within a larger one; a part of it is none."""
    for missing, _ in USUAL:
        found = verify(signed(tuple(pair for pair in USUAL if pair[0] != missing)), SECRETS, RULES, NOW_S)
        assert isinstance(found, AuthRefusal)
        assert (found.key, found.detail) == (
            "signature_uncovered",
            f"The signature must cover {missing[1:-1]}.",
        )
    method = USUAL[0]
    assert outcome(signed((method, ('"@target-uri"', b"http://example.test/a/b?c=%2F&d")))) == ""
    assert (
        outcome(signed((method, ('"@request-target"', b"/a/b?c=%2F&d"), ('"host"', b"Example.test:80"))))
        == ""
    )
    assert outcome(signed((method, ('"@request-target"', b"/a/b?c=%2F&d")))) == "signature_uncovered"
    sealed = ('"host";bs', b":" + b64encode(b"Example.test:80") + b":")
    assert outcome(signed((*USUAL, sealed))) == ""
    assert outcome(signed((method, *USUAL[2:], sealed))) == "signature_uncovered"


def test_an_absolute_target_is_not_covered_by_host() -> None:
    """Its authority replaces Host, so a signature over Host says nothing of where the request goes."""
    message = PLAIN._replace(is_absolute=True, authority=b"example.test")
    values = (USUAL[0], ('"host"', b"Example.test:80"), *USUAL[2:])
    assert outcome(signed(values, message=message)) == "signature_uncovered"
    assert outcome(signed(message=message)) == ""
    assert (
        outcome(signed((*USUAL, ('"@request-target"', b"/a/b?c=%2F&d")), message=message))
        == "signature_component"
    )


def test_a_body_must_be_covered_by_its_digest() -> None:
    """With a body Content-Digest must be covered and be sound; without one it need not be there."""
    digest = b"sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"
    bodied = PLAIN._replace(has_body=True, pairs=(*PLAIN.pairs, (b"content-digest", digest)))
    covering = (*USUAL, ('"content-digest"', digest))
    assert outcome(signed(message=bodied)) == "signature_uncovered"
    found = verify(signed(covering, message=bodied), SECRETS, RULES, NOW_S)
    assert isinstance(found, Proof)
    assert found.digests == {"sha-256": b64decode(digest[9:-1])}
    loose = replace(RULES, covered=("@method",))
    assert outcome(signed(message=bodied), loose) == ""
    weak = b"md5=:Sd/dVLAcvNLSq16eXua5uQ==:"
    message = PLAIN._replace(has_body=True, pairs=(*PLAIN.pairs, (b"content-digest", weak)))
    assert outcome(signed((*USUAL, ('"content-digest"', weak)), message=message)) == "signature_digest"
    assert outcome(signed(covering)) == "signature_component"


@pytest.mark.parametrize(
    "identifier",
    [
        '"@status"',
        '"@query-param";name="c"',
        '"host";sf',
        '"host";req',
        '"host";tr',
        '"host";key="a"',
        '"absent"',
        '"Host"',
        '"@method";req',
        '"@signature-params"',
        "7",
        "token",
        '"@path";x',
    ],
)
def test_what_cannot_be_verified(identifier: str) -> None:
    """A component that is not there, or that is not known here, refuses the signature: none is skipped."""
    found = verify(signed((*USUAL, (identifier, b"GET"))), SECRETS, RULES, NOW_S)
    assert isinstance(found, AuthRefusal)
    assert found.key == "signature_component"
    assert "xxx" not in found.detail


def test_fields_of_several_lines() -> None:
    """Lines of one name are covered together, in their order (RFC 9421, section 2.1)."""
    pairs = (*PLAIN.pairs, (b"x-list", b"one"), (b"other", b"1"), (b"x-list", b"two, three"))
    message = PLAIN._replace(pairs=pairs)
    assert outcome(signed((*USUAL, ('"x-list"', b"one, two, three")), message=message)) == ""
    assert (
        outcome(signed((*USUAL, ('"x-list"', b"two, three, one")), message=message)) == "signature_unverified"
    )


@pytest.mark.parametrize(
    ("scheme", "authority", "expected"),
    [
        ("http", b"EXAMPLE.test", b"example.test"),
        ("http", b"example.test:443", b"example.test:443"),
        ("https", b"example.test:443", b"example.test"),
        ("https", b"example.test:80", b"example.test:80"),
        ("https", b"[::1]:8443", b"[::1]:8443"),
    ],
)
def test_authorities(scheme: str, authority: bytes, expected: bytes) -> None:
    """Lower case, and without the port that goes without saying (RFC 9421, section 2.2.3)."""
    message = PLAIN._replace(scheme=scheme, authority=authority)
    values = (USUAL[0], ('"@authority"', expected), *USUAL[2:], ('"@scheme"', scheme.encode()))
    assert outcome(signed(values, message=message)) == ""


def test_one_of_several_signatures() -> None:
    """Those of others, by their tag, do not matter; two for us are ambiguous."""
    mine = signed(parameters=f'{PARAMETERS};tag="quotad"')
    theirs = ((b"signature-input", b'proxy=("host");tag="proxy";created=1'), (b"signature", b"proxy=:AA==:"))
    assert outcome(mine._replace(pairs=(*theirs, *mine.pairs))) == ""
    assert outcome(signed(label="two", message=mine)) == "signature_format"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"signature-input", b""),
        (b"signature-input", b"sig"),
        (b"signature-input", b"sig=1"),
        (b"signature-input", b'sig=("@method"'),
        (b"signature-input", b'sig=("@method" "@method");keyid="AKIDtest"'),
        (b"signature-input", b"\xff"),
        (b"signature", b""),
        (b"signature", b"sig=AAAA"),
        (b"signature", b'sig="AAAA"'),
        (b"signature", b"other=:AAAA:"),
        (b"signature", b"sig=(:AAAA:)"),
    ],
)
def test_malformed(name: bytes, value: bytes) -> None:
    """What is no signature is refused for its form, before any key is looked at."""
    message = signed()
    pairs = tuple((found, value if found == name else said) for found, said in message.pairs)
    assert outcome(message._replace(pairs=pairs)) in ("signature_format", "signature_missing")


def test_too_many_components() -> None:
    """A signature that covers more than a head can hold is not computed."""
    names = tuple((f'"x{number}"', b"") for number in range(65))
    assert outcome(signed((*USUAL, *names))) == "signature_format"


@given(st.binary(max_size=80), st.binary(max_size=40), st.binary(max_size=20))
@examples(300)
def test_garbage(said: bytes, signature: bytes, host: bytes) -> None:
    """Whatever the fields hold, the answer is a refusal, never an error."""
    message = PLAIN._replace(
        authority=host, pairs=((b"host", host), (b"signature-input", said), (b"signature", signature))
    )
    assert isinstance(verify(message, SECRETS, RULES, NOW_S), AuthRefusal)


@pytest.mark.parametrize(
    ("block", "rules", "expected"),
    [
        (b"Signature: a\r\nSignature-Input: b\r\n", AuthRules(), True),
        (b"", AuthRules(), False),
        (b"Signature: a\r\n", AuthRules(signature=False), False),
        (b"Signature: a\r\nX-Secret-Id: b\r\n", AuthRules(), False),
        (b"Signature: a\r\nX-Secret-Id: b\r\n", AuthRules(key_pair=False), True),
        (b"Signature: a\r\nAuthorization: Basic b\r\n", AuthRules(), False),
        (b"Signature: a\r\nAuthorization: Basic b\r\n", AuthRules(basic=False), True),
        (b"Signature: a\r\nAuthorization: hmac b\r\n", AuthRules(), False),
        (b"Signature: a\r\nAuthorization: Bearer b\r\n", AuthRules(), True),
        (b"Signature: a\r\nConnection: signature\r\n", AuthRules(), True),
    ],
)
def test_which_form_decides(block: bytes, rules: AuthRules, expected: bool) -> None:
    """The strong signature comes last of the forms; one that is off, or the backend's, does not count."""
    assert is_signed(read_request_fields(b"Host: a\r\n" + block, 10), rules) is expected


class OneKey(HTTPSignatureKeyResolver):
    """The other implementation's way to a key."""

    def resolve_private_key(self, key_id: str) -> Any:
        return SECRETS[key_id].secret_key

    def resolve_public_key(self, key_id: str) -> Any:
        return SECRETS[key_id].secret_key


class Request:
    """What the other implementation signs."""

    def __init__(self, method: str, url: str, headers: dict[str, str]) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.body = None


def test_another_signer_is_understood() -> None:
    """A signature of http-message-signatures (PyPI) over all that it knows of a request is right here."""
    request = Request("GET", "http://example.test/a/b?c=%2F&d", {"Host": "example.test", "X-A": "b"})
    HTTPMessageSigner(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=OneKey()).sign(
        request,
        key_id="AKIDtest",
        covered_component_ids=("@method", "@authority", "@path", "@query", "@target-uri", "@scheme", "x-a"),
        created=dt.datetime.fromtimestamp(NOW_S, dt.UTC),
        nonce="n2",
        label="sig1",
        include_alg=True,
    )
    pairs = tuple((name.lower().encode(), value.encode()) for name, value in request.headers.items())
    message = PLAIN._replace(authority=b"example.test", pairs=pairs)
    found = verify(message, SECRETS, RULES, NOW_S)
    assert isinstance(found, Proof)
    assert found.nonce == b"n2"
    assert outcome(message._replace(method=b"PUT")) == "signature_unverified"
