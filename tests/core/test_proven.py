from base64 import b64encode
from dataclasses import replace
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotad.config.model import AuthRules
from quotad.core.credentials import authenticate, sign
from quotad.core.plans import Secret
from quotad.core.proven import Proven

NOW_S = 1_700_000_000.0
FIRST = Secret("caller", "AKIDcaller", b"first-key", expires_at_s=NOW_S + 500)
ROTATED = replace(
    FIRST, secret_key=b"new-key", secondary_key=b"second-key", previous_keys=((b"first-key", NOW_S + 100),)
)
RULES = AuthRules()
Headers = list[tuple[bytes, bytes]]


def hmac_of(secret: Secret, x_date_s: float, date_s: float) -> Headers:
    """Two dates, and their signature with the Secret's first key."""
    dates = [("X-Date", formatdate(x_date_s, usegmt=True)), ("Date", formatdate(date_s, usegmt=True))]
    value = sign(secret, "hmac-sha256", dates)
    sent = [(name.lower().encode(), text.encode()) for name, text in dates]
    return [*sent, (b"authorization", value.encode())]


PAIR: Headers = [(b"x-secret-id", b"AKIDcaller"), (b"x-secret-key", b"first-key")]
BASIC: Headers = [(b"authorization", b"Basic " + b64encode(b"AKIDcaller:first-key"))]


def proving(headers: Headers, secret: Secret = FIRST, now_s: float = NOW_S) -> Proven:
    """What the headers prove at a time."""
    proven = Proven()
    proven.under(RULES)
    authenticate(headers, {secret.secret_id: secret}, RULES, now_s, proven)
    return proven


@given(
    headers=st.sampled_from(
        [PAIR, BASIC, hmac_of(FIRST, NOW_S, NOW_S), hmac_of(FIRST, NOW_S + 700, NOW_S - 200)]
    ),
    later_s=st.integers(-2000, 2000),
)
def test_at_any_other_time_it_says_what_comparing_would_say(headers: Headers, later_s: int) -> None:
    """What is kept of credentials that were right holds at exactly the times at which they are right."""
    proven = proving(headers)
    assert proven.secret is FIRST
    secrets, now_s = {FIRST.secret_id: FIRST}, NOW_S + later_s
    compared = authenticate(headers, secrets, RULES, now_s)
    assert (proven.again(secrets, RULES, now_s) is FIRST) is (compared is FIRST)


@pytest.mark.parametrize("headers", [PAIR, BASIC, hmac_of(FIRST, NOW_S, NOW_S)])
def test_another_secret_or_other_rules_are_compared_anew(headers: Headers) -> None:
    """A Secret that was changed, even to an equal one, is gone or is disabled, and other rules end it."""
    proven = proving(headers)
    for secrets in ({}, {"AKIDcaller": ROTATED}, {"AKIDcaller": replace(FIRST)}):
        assert proven.again(secrets, RULES, NOW_S) is None
    secrets = {"AKIDcaller": FIRST}
    assert proven.again(secrets, AuthRules(), NOW_S) is None
    assert proven.again(secrets, RULES, NOW_S) is FIRST


@pytest.mark.parametrize(
    ("headers", "secret"),
    [
        (PAIR, replace(FIRST, secret_key=b"other")),
        (PAIR, replace(FIRST, enabled=False)),
        (PAIR, replace(FIRST, expires_at_s=NOW_S)),
        (PAIR, ROTATED),
        (BASIC, ROTATED),
        (hmac_of(FIRST, NOW_S, NOW_S), ROTATED),
        (hmac_of(replace(FIRST, secret_key=b"wrong"), NOW_S, NOW_S), FIRST),
        (hmac_of(FIRST, NOW_S - 901, NOW_S), FIRST),
        ([*PAIR, (b"x-secret-id", b"AKIDcaller")], FIRST),
        ([], FIRST),
    ],
)
def test_nothing_else_is_kept(headers: Headers, secret: Secret) -> None:
    """A refusal is not kept, nor what a key proves that is about to end."""
    proven = proving(headers, secret)
    assert proven.again({secret.secret_id: secret}, RULES, NOW_S) is None
