"""Two keys of one Secret, for as long as they overlap."""

from base64 import b64encode

import pytest

from quotad.config.model import AuthRules
from quotad.core.credentials import SPARE_KEYS, AuthRefusal, authenticate, check_key_pair, sign
from quotad.core.plans import Secret

NOW_S = 1_521_461_320.0
NOW = b"Mon, 19 Mar 2018 12:08:40 GMT"
ALL = AuthRules()
Headers = list[tuple[bytes, bytes]]

CALLER = Secret("caller", "AKIDcaller", b"secretexample")
SECRETS = {"AKIDcaller": CALLER}
ROTATED = Secret("new", "AKIDrotated", b"the-new-key", previous_keys=((b"the-old-key", NOW_S),))

TWOFOLD = Secret(
    "two",
    "AKIDrotated",
    b"the-new-key",
    secondary_key=b"the-second-key",
    previous_keys=((b"the-old-key", NOW_S), (b"the-old-second", NOW_S - 10)),
)


def signed_with(key: bytes) -> Headers:
    """A dated request of AKIDrotated, signed with this key."""
    dated = [("x-date", NOW.decode())]
    value = sign(Secret("", "AKIDrotated", key), "hmac-sha256", dated)
    return [(b"x-date", NOW), (b"authorization", value.encode())]


@pytest.mark.parametrize(
    ("key", "before_end_s", "known"),
    [
        (b"the-new-key", 1, True),
        (b"the-new-key", 0, True),
        (b"the-old-key", 1, True),
        (b"the-old-key", 0, False),
        (b"another-key", 1, False),
    ],
)
def test_both_keys_hold_while_they_overlap(key: bytes, before_end_s: int, known: bool) -> None:
    """After a rotation the old key is as good as the new one until the overlap ends, in every form."""
    secrets, now_s = {"AKIDrotated": ROTATED}, NOW_S - before_end_s
    basic = b"Basic " + b64encode(b"AKIDrotated:" + key)
    for headers in (
        [(b"x-secret-id", b"AKIDrotated"), (b"x-secret-key", key)],
        [(b"authorization", basic)],
        signed_with(key),
    ):
        assert (authenticate(headers, secrets, ALL, now_s) is ROTATED) is known


def test_no_key_is_no_key() -> None:
    """Neither an empty key nor the one that absent ones are compared with ever proves anybody."""
    secrets = {"AKIDcaller": CALLER, "AKIDempty": Secret("no vault", "AKIDempty", b"")}
    for secret_id in (b"AKIDcaller", b"AKIDempty", b"AKIDunknown"):
        for key in (b"", b"-" * 40):
            assert isinstance(check_key_pair(secret_id, key, secrets, NOW_S), AuthRefusal)


@pytest.mark.parametrize(
    ("key", "before_end_s", "known"),
    [
        (b"the-new-key", 0, True),
        (b"the-second-key", 1, True),
        (b"the-second-key", 0, True),
        (b"the-old-key", 1, True),
        (b"the-old-key", 0, False),
        (b"the-old-second", 11, True),
        (b"the-old-second", 10, False),
        (b"another-key", 11, False),
    ],
)
def test_two_keys_hold_for_good(key: bytes, before_end_s: int, known: bool) -> None:
    """A secondary key is as good as the first without an end; what either was ends by itself."""
    secrets, now_s = {"AKIDrotated": TWOFOLD}, NOW_S - before_end_s
    basic = b"Basic " + b64encode(b"AKIDrotated:" + key)
    for headers in (
        [(b"x-secret-id", b"AKIDrotated"), (b"x-secret-key", key)],
        [(b"authorization", basic)],
        signed_with(key),
    ):
        assert (authenticate(headers, secrets, ALL, now_s) is TWOFOLD) is known


@pytest.mark.pure
def test_a_refusal_tries_every_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown, wrong, wrong with two keys, wrong while four hold: the same number of comparisons each."""
    tried: list[int] = []

    def compare(one: bytes, other: bytes) -> bool:
        tried.append(1)
        return one == other

    monkeypatch.setattr("quotad.core.credentials.hmac.compare_digest", compare)
    for secret in (CALLER, ROTATED, TWOFOLD, None):
        tried.clear()
        known = {} if secret is None else {"AKIDx": secret}
        check_key_pair(b"AKIDx", b"wrong-wrong", known, NOW_S - 11)
        assert len(tried) == 1 + SPARE_KEYS
