import re
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from apigateway import Auth
from hypothesis import given
from hypothesis import strategies as st

from quotad.config.model import AuthRules
from quotad.core.credentials import (
    AuthRefusal,
    authenticate,
    check_authorization,
    check_key_pair,
    is_basic,
    is_hmac,
    sign,
    signing_string,
)
from quotad.core.plans import Secret
from quotad.core.replies import ROWS

NOW_S = 1_521_461_320.0
NOW = b"Mon, 19 Mar 2018 12:08:40 GMT"

CALLER = Secret("caller", "AKIDcaller", b"secretexample")
DISABLED = Secret("off", "AKIDdisabled", b"secretexample", enabled=False)
EXPIRED = Secret("old", "AKIDexpired", b"secretexample", expires_at_s=NOW_S)
SECRETS = {secret.secret_id: secret for secret in (CALLER, DISABLED, EXPIRED)}

ALL = AuthRules()
UNDATED = AuthRules(check_date=False)

Headers = list[tuple[bytes, bytes]]


DATED: Headers = [(b"date", b"Fri, 09 Oct 2015 00:00:00 GMT"), (b"source", b"AndriodApp")]


def at_s(year: int, month: int, day: int) -> float:
    """Seconds since the epoch at the beginning of a UTC day."""
    return datetime(year, month, day, tzinfo=UTC).timestamp()


def hmac_value(
    secret_id: str = "AKIDcaller",
    algorithm: str = "hmac-sha1",
    headers: str = "x-date source",
    signature: str = "OKlj2NKqy/tGFNEPCcNU5q8I9Mk=",
) -> bytes:
    """An Authorization value; by default the signature of SIGNED."""
    text = f'hmac id="{secret_id}", algorithm="{algorithm}", headers="{headers}", signature="{signature}"'
    return text.encode()


SIGNED: Headers = [(b"source", b"AndriodApp"), (b"x-date", NOW), (b"authorization", hmac_value())]


def replaced(name: bytes, *values: bytes) -> Headers:
    """SIGNED with the values of one header replaced."""
    return [pair for pair in SIGNED if pair[0] != name] + [(name, value) for value in values]


def signed(
    headers: Sequence[tuple[str, str]], secret: Secret = CALLER, algorithm: str = "hmac-sha256"
) -> Headers:
    """These headers and their signature."""
    value = sign(secret, algorithm, headers)
    return [(name.lower().encode(), text.encode()) for name, text in headers] + [
        (b"authorization", value.encode())
    ]


@pytest.mark.parametrize(
    ("headers", "algorithm", "signature"),
    [
        (DATED, "sha1", "oAFO4i+9Hrslm2uucqqCSjVRGkc="),
        (DATED, "sha256", "NMGwD+qBk0x/ZGEzAGG9WNeaA1OHH4cQnlEGiiXwy8c="),
        ([(b"x-date", NOW), (b"source", b"AndriodApp")], "sha1", "OKlj2NKqy/tGFNEPCcNU5q8I9Mk="),
        ([(b"x-date", NOW)], "sha1", "sniZOclbBWi9WmQNOAh8yl5oZkU="),
    ],
    ids=["date-sha1", "date-sha256", "x-date-source", "x-date"],
)
def test_known_answers(headers: Headers, algorithm: str, signature: str) -> None:
    """The published signatures verify, in the listed order of headers, not the order sent."""
    now_s = NOW_S if headers[0][0] == b"x-date" else at_s(2015, 10, 9)
    names = " ".join(name.decode() for name, _ in headers)
    value = hmac_value(algorithm=f"hmac-{algorithm}", headers=names, signature=signature)
    sent = [*reversed(headers), (b"authorization", value)]
    assert authenticate(sent, SECRETS, ALL, now_s) is CALLER


@pytest.mark.parametrize("algorithm", ["hmac-sha1", "hmac-sha256", "hmac-sha384", "hmac-sha512"])
def test_every_algorithm(algorithm: str) -> None:
    """What ``sign`` signs verifies, whatever the hash, and no other key verifies it."""
    headers = signed([("X-Date", NOW.decode()), ("Host", "api.example:8080")], algorithm=algorithm)
    assert authenticate(headers, SECRETS, ALL, NOW_S) is CALLER
    other = {"AKIDcaller": Secret("caller", "AKIDcaller", b"another-key")}
    assert authenticate(headers, other, ALL, NOW_S) == AuthRefusal(
        "hmac_unverified", "HMAC signature cannot be verified."
    )


OUT_OF_DATE = "HMAC signature cannot be verified, the x-date header is out of date for HMAC Authentication."
DATE_REQUIRED = "HMAC signature cannot be verified, a valid date or x-date header is required."
NOT_VERIFIED = "HMAC signature cannot be verified."

REFUSALS: list[tuple[str, Headers, str]] = [
    ("nothing sent", [], "HMAC id or signature missing."),
    ("another scheme", [(b"authorization", b"Bearer abc")], "HMAC id or signature missing."),
    ("scheme alone", replaced(b"authorization", b"hmac"), "HMAC id or signature missing."),
    ("no id", replaced(b"authorization", hmac_value("")), "HMAC id or signature missing."),
    ("no signature", replaced(b"authorization", hmac_value(signature="")), "HMAC id or signature missing."),
    ("one parameter", replaced(b"authorization", b'hmac id="AKIDcaller"'), "HMAC id or signature missing."),
    ("no list", replaced(b"authorization", b"hmac nonsense"), "HMAC authorization format error."),
    ("open quote", replaced(b"authorization", b'hmac id="AKID'), "HMAC authorization format error."),
    ("not ASCII", replaced(b"authorization", b'hmac id="\xff"'), "HMAC authorization format error."),
    ("id twice", replaced(b"authorization", hmac_value() + b', id="x"'), "HMAC authorization format error."),
    (
        "unknown",
        replaced(b"authorization", hmac_value() + b', nonce="x"'),
        "HMAC authorization format error.",
    ),
    ("escape", replaced(b"authorization", hmac_value("AKID\\caller")), "HMAC authorization format error."),
    (
        "no algorithm",
        replaced(b"authorization", hmac_value(algorithm="")),
        "HMAC authorization format error.",
    ),
    ("odd hash", replaced(b"authorization", hmac_value(algorithm="<b>")), "HMAC authorization format error."),
    (
        "weak hash",
        replaced(b"authorization", hmac_value(algorithm="hmac-md5")),
        "HMAC algorithm hmac-md5 not supported.",
    ),
    (
        "no headers",
        replaced(b"authorization", hmac_value(headers="")),
        "HMAC authorization headers is invalidate.",
    ),
    (
        "header listed twice",
        replaced(b"authorization", hmac_value(headers="x-date X-Date")),
        "HMAC authorization headers is invalidate.",
    ),
    (
        "pseudo header",
        replaced(b"authorization", hmac_value(headers="x-date (request-target)")),
        "HMAC authorization headers is invalidate.",
    ),
    ("no date signed", replaced(b"authorization", hmac_value(headers="source")), DATE_REQUIRED),
    (
        "listed, not sent",
        replaced(b"source"),
        "HMAC signature cannot be verified, a valid source header is required.",
    ),
    (
        "request-line",
        replaced(b"authorization", hmac_value(headers="x-date request-line")),
        "HMAC signature cannot be verified, a valid request-line header is required.",
    ),
    (
        "no date at all",
        replaced(b"x-date", b"yesterday"),
        "HMAC signature cannot be verified, a valid x-date header is required.",
    ),
    ("a second too old", replaced(b"x-date", b"Mon, 19 Mar 2018 11:53:39 GMT"), OUT_OF_DATE),
    ("a second too new", replaced(b"x-date", b"Mon, 19 Mar 2018 12:23:41 GMT"), OUT_OF_DATE),
    (
        "old date",
        signed([("Date", "Fri, 09 Oct 2015 00:00:00 GMT")]),
        "HMAC signature cannot be verified, a valid date header is required.",
    ),
    ("signed twice", [*SIGNED, (b"source", b"x")], "HMAC do not support multiple HTTP header."),
    ("two values", [*SIGNED, (b"authorization", b"x")], "HMAC do not support multiple HTTP header."),
    ("wrong signature", replaced(b"authorization", hmac_value(signature="AAAA")), NOT_VERIFIED),
    ("changed header", replaced(b"source", b"Other"), NOT_VERIFIED),
    ("unknown Secret", replaced(b"authorization", hmac_value("AKIDnobody")), NOT_VERIFIED),
    ("disabled Secret", signed([("X-Date", NOW.decode())], DISABLED), NOT_VERIFIED),
    ("expired Secret", signed([("X-Date", NOW.decode())], EXPIRED), NOT_VERIFIED),
]


@pytest.mark.parametrize(
    ("headers", "detail"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS]
)
def test_hmac_refusals(headers: Headers, detail: str) -> None:
    """Each way in which a signature can be wrong has exactly its text, and its row in the table."""
    refusal = authenticate(headers, SECRETS, ALL, NOW_S)
    assert isinstance(refusal, AuthRefusal)
    assert refusal.detail == detail
    assert re.fullmatch(re.escape(ROWS[refusal.key].detail).replace("xxx", ".*"), detail)


@pytest.mark.parametrize("secret", [DISABLED, EXPIRED])
def test_distinct_refusals(secret: Secret) -> None:
    """A route may tell a wrong signature of a usable Secret apart, and nothing else."""
    rules = AuthRules(distinct_refusals=True)
    wrong = authenticate(replaced(b"source", b"Other"), SECRETS, rules, NOW_S)
    assert wrong == AuthRefusal("hmac_mismatch", "HMAC signature does not match.")
    for headers in (
        replaced(b"authorization", hmac_value("AKIDnobody")),
        signed([("X-Date", NOW.decode())], secret),
    ):
        assert authenticate(headers, SECRETS, rules, NOW_S) == AuthRefusal("hmac_unverified", NOT_VERIFIED)


@pytest.mark.parametrize("moment", ["11:53:40", "12:23:40"])
def test_the_window_is_closed_at_both_ends(moment: str) -> None:
    """A date exactly 900 s away, either way, is still good."""
    headers = signed([("X-Date", f"Mon, 19 Mar 2018 {moment} GMT")])
    assert authenticate(headers, SECRETS, ALL, NOW_S) is CALLER


def test_a_route_may_take_any_date_but_no_old_x_date() -> None:
    """Without ``checkDate`` a signed Date may be of any age, even none; x-date is checked all the same."""
    assert (
        authenticate(signed([("Date", "Fri, 09 Oct 2015 00:00:00 GMT")]), SECRETS, UNDATED, NOW_S) is CALLER
    )
    assert authenticate(signed([("Date", "today")]), SECRETS, UNDATED, NOW_S) is CALLER
    stale = authenticate(signed([("X-Date", "Fri, 09 Oct 2015 00:00:00 GMT")]), SECRETS, UNDATED, NOW_S)
    assert isinstance(stale, AuthRefusal)
    assert stale.detail == OUT_OF_DATE


def test_both_dates_signed_are_both_checked() -> None:
    """A fresh x-date does not excuse a stale Date that is signed too."""
    headers = signed([("X-Date", NOW.decode()), ("Date", "Fri, 09 Oct 2015 00:00:00 GMT")])
    assert isinstance(authenticate(headers, SECRETS, ALL, NOW_S), AuthRefusal)


@pytest.mark.parametrize(
    "value",
    [
        hmac_value().replace(b"hmac id", b"HMAC  ID"),
        hmac_value().replace(b", ", b","),
        hmac_value().replace(b"=", b" = ", 3),
        hmac_value().replace(b'"AKIDcaller"', b"AKIDcaller").replace(b'"hmac-sha1"', b"HMAC-SHA1"),
        hmac_value(headers="X-Date  Source"),
        b"hmac " + b", ".join(reversed(hmac_value()[5:].split(b", "))),
    ],
    ids=["case", "no space", "spaces", "tokens", "header case", "order"],
)
def test_ways_of_writing_one_signature(value: bytes) -> None:
    """Case, white space, quotes and order that RFC 9110 leaves open change nothing."""
    assert authenticate(replaced(b"authorization", value), SECRETS, ALL, NOW_S) is CALLER


def test_white_space_around_a_value_is_not_signed() -> None:
    """A recipient may see blanks that the sender did not sign (RFC 9110, section 5.5)."""
    assert authenticate(replaced(b"source", b" AndriodApp\t"), SECRETS, ALL, NOW_S) is CALLER


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow")
def test_real_client() -> None:
    """The client from PyPI signs heads that pass; its second call on one object is a clean 401."""
    client = Auth("AKIDcaller", "secretexample", {"Source": "AndriodApp", "X-Trace": "a b"})
    sent = client.generateHeaders()
    moment = datetime.strptime(sent["Date"], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    first = [(name.lower().encode(), value.encode()) for name, value in sent.items()]
    assert authenticate(first, SECRETS, ALL, moment.timestamp()) is CALLER
    again = [(name.lower().encode(), value.encode()) for name, value in client.generateHeaders().items()]
    refusal = authenticate(again, SECRETS, ALL, moment.timestamp())
    assert refusal == AuthRefusal("hmac_unverified", NOT_VERIFIED)


INVALID = AuthRefusal("secret_invalid", "Secret id or key is invalid.")


@pytest.mark.parametrize(
    ("secret_id", "secret_key"),
    [
        (b"AKIDcaller", b"wrong-key-value"),
        (b"AKIDcaller", b""),
        (b"AKIDcaller", b"secretexample\n"),
        (b"AKIDnobody", b"secretexample"),
        (b"AKIDdisabled", b"secretexample"),
        (b"AKIDexpired", b"secretexample"),
        (b"\xff\xfe", b"\xff"),
        (b"", b""),
        (b"AKIDnobody", b"-" * 40),
    ],
)
def test_key_pair_refusals_are_alike(secret_id: bytes, secret_key: bytes) -> None:
    """Unknown, wrong, disabled and expired cannot be told apart, in a header pair or as Basic."""
    assert check_key_pair(secret_id, secret_key, SECRETS, NOW_S) == INVALID
    pair = [(b"x-secret-id", secret_id), (b"x-secret-key", secret_key)]
    assert authenticate(pair, SECRETS, ALL, NOW_S) == INVALID
    basic = b"Basic " + b64encode(secret_id + b":" + secret_key)
    assert authenticate([(b"authorization", basic)], SECRETS, ALL, NOW_S) == INVALID


PAIR: Headers = [(b"x-secret-id", b"AKIDcaller"), (b"x-secret-key", b"secretexample")]
BASIC: Headers = [(b"authorization", b"Basic " + b64encode(b"AKIDcaller:secretexample"))]


def test_key_pair_and_basic_pass() -> None:
    """The right key passes in both forms, until the moment it expires."""
    assert authenticate(PAIR, SECRETS, ALL, NOW_S) is CALLER
    assert authenticate(BASIC, SECRETS, ALL, NOW_S) is CALLER
    assert authenticate([(b"authorization", b"bAsIc  " + BASIC[0][1][6:])], SECRETS, ALL, NOW_S) is CALLER
    before = Secret("old", "AKIDexpired", b"secretexample", expires_at_s=NOW_S + 1)
    assert check_key_pair(b"AKIDexpired", b"secretexample", {"AKIDexpired": before}, NOW_S) is before


@pytest.mark.parametrize("value", [b"Basic ", b"Basic !!!", b"Basic QUtJRGNhbGxlcg==", b"Basic QUtJRA"])
def test_broken_basic(value: bytes) -> None:
    """Bad base64 and a pair without a colon are refused like a wrong key."""
    assert authenticate([(b"authorization", value)], SECRETS, ALL, NOW_S) == INVALID


@pytest.mark.parametrize("name", [b"x-secret-id", b"x-secret-key"])
def test_half_or_double_pair(name: bytes) -> None:
    """A pair with a part missing or repeated is refused, even if one of the two is right."""
    assert authenticate([pair for pair in PAIR if pair[0] != name], SECRETS, ALL, NOW_S) == INVALID
    assert authenticate([*PAIR, (name, b"other")], SECRETS, ALL, NOW_S) == INVALID
    assert authenticate([*PAIR, *PAIR], SECRETS, ALL, NOW_S) == INVALID


def test_order_of_forms() -> None:
    """HMAC decides before the pair, the pair before Basic: no right key saves a wrong signature."""
    wrong_hmac = replaced(b"source", b"Other")
    assert isinstance(authenticate([*wrong_hmac, *PAIR], SECRETS, ALL, NOW_S), AuthRefusal)
    wrong_pair = [(b"x-secret-id", b"AKIDcaller"), (b"x-secret-key", b"wrong-key-value")]
    assert authenticate([*SIGNED, *wrong_pair], SECRETS, ALL, NOW_S) is CALLER
    assert authenticate([*BASIC, *wrong_pair], SECRETS, ALL, NOW_S) == INVALID
    bearer = [(b"authorization", b"Bearer of-the-backend")]
    assert authenticate([*bearer, *PAIR], SECRETS, ALL, NOW_S) is CALLER


def test_forms_that_are_off_are_not_seen() -> None:
    """A form that a route has switched off neither admits nor refuses."""
    no_hmac, no_pair = AuthRules(hmac=False), AuthRules(key_pair=False)
    assert authenticate([*replaced(b"source", b"Other"), *PAIR], SECRETS, no_hmac, NOW_S) is CALLER
    assert authenticate(SIGNED, SECRETS, no_hmac, NOW_S) == INVALID
    assert authenticate([*BASIC, (b"x-secret-id", b"nobody")], SECRETS, no_pair, NOW_S) is CALLER
    assert isinstance(authenticate(PAIR, SECRETS, no_pair, NOW_S), AuthRefusal)
    no_basic = authenticate(BASIC, SECRETS, AuthRules(basic=False), NOW_S)
    assert no_basic == AuthRefusal("hmac_missing", "HMAC id or signature missing.")
    pair_only = AuthRules(hmac=False, basic=False)
    assert authenticate([*BASIC, *BASIC, *PAIR], SECRETS, pair_only, NOW_S) is CALLER
    basic_only = AuthRules(hmac=False, key_pair=False)
    assert authenticate([*BASIC, *BASIC], SECRETS, basic_only, NOW_S) == INVALID


def test_no_credentials() -> None:
    """Without credentials the text is that of the first form that is on."""
    assert authenticate([], SECRETS, ALL, NOW_S) == AuthRefusal(
        "hmac_missing", "HMAC id or signature missing."
    )
    assert authenticate([], SECRETS, AuthRules(hmac=False), NOW_S) == INVALID


def test_picked_values_decide_alike() -> None:
    """A caller that has picked the values out itself gets the same answer."""

    def lookup(name: bytes) -> list[bytes]:
        return [value for found, value in SIGNED if found == name]

    assert check_authorization(hmac_value(), lookup, SECRETS, ALL, NOW_S) is CALLER
    assert is_hmac(b"Hmac id=1")
    assert is_hmac(b"HMAC")
    assert not is_hmac(b"hmacx id=1")
    assert is_basic(b"BASIC abc")
    assert not is_basic(b"Basic")


def test_signing_string() -> None:
    """Names are lower case, order is the listed one, lines join without a newline at the end."""
    values = {b"x-date": [b"d"], b"source": [b" s "], b"twice": [b"1", b"2"]}

    def lookup(name: bytes) -> list[bytes]:
        return values.get(name, [])

    assert signing_string([b"source", b"x-date"], lookup) == b"source: s\nx-date: d"
    assert isinstance(signing_string([b"twice"], lookup), AuthRefusal)


@given(st.binary(max_size=200))
def test_any_authorization_is_answered(value: bytes) -> None:
    """No value of Authorization, however odd, raises or admits."""
    for prefix in (b"", b"hmac ", b"Basic "):
        refusal = authenticate([(b"authorization", prefix + value)], SECRETS, ALL, NOW_S)
        assert isinstance(refusal, AuthRefusal)


def test_no_key_in_what_is_shown() -> None:
    """Neither a Secret's repr nor a refusal holds the key."""
    refusals = [authenticate(headers, SECRETS, ALL, NOW_S) for _, headers, _ in REFUSALS]
    assert "secretexample" not in repr([*refusals, CALLER, SECRETS])
