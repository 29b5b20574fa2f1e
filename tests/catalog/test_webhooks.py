from typing import Any

import pytest

from quotad.catalog.records import RecordError
from quotad.catalog.vault import VaultError
from quotad.catalog.webhooks import open_key, seal_key, webhook_fields, webhook_of
from quotad.core.plans import Webhook
from tests.support.catalog import VAULT

HOOK = Webhook(
    *("webhook-a", "ops", "http://r.example/", b"k" * 32, (50, 90), ("day", "total")),
    forecast=True,
    plan_ids=("gold",),
    enabled=False,
    allow_http=True,
    previous_key=b"o" * 32,
    previous_until_s=12.5,
)


def record(**more: Any) -> dict[str, Any]:
    """Of the webhook above."""
    return {
        **webhook_fields(HOOK),
        "signingKey": seal_key(VAULT, "webhook-a", HOOK.key),
        "previousKey": seal_key(VAULT, "webhook-a", HOOK.previous_key, previous=True),
        "previousUntil": 12_500_000,
        **more,
    }


def test_a_record_says_all_of_a_webhook() -> None:
    """Both ways, keys sealed; all plans are null."""
    assert webhook_of(record(), VAULT) == HOOK
    plain = webhook_of(record(usagePlanIds=None, previousKey=None, previousUntil=None), VAULT)
    assert (plain.plan_ids, plain.previous_key, plain.previous_until_s) == ((), b"", 0.0)
    assert webhook_fields(plain)["usagePlanIds"] is None


@pytest.mark.parametrize(
    "odd", [{"thresholds": 5}, {"signingKey": "m1.x.y"}, {"windows": None}, {"previousKey": 5}]
)
def test_what_cannot_be_read_is_named_and_no_key_told(odd: dict[str, Any]) -> None:
    """One record that is odd, or sealed for something else."""
    with pytest.raises(RecordError, match="webhook webhook-a cannot be read"):
        webhook_of(record(**odd), VAULT)


def test_a_previous_key_cannot_pass_as_the_key() -> None:
    """Nor a key of another webhook as that of this one."""
    sealed = seal_key(VAULT, "webhook-a", b"k" * 32)
    assert open_key(VAULT, "webhook-a", sealed) == b"k" * 32
    with pytest.raises(VaultError):
        open_key(VAULT, "webhook-a", sealed, previous=True)
    with pytest.raises(VaultError):
        open_key(VAULT, "webhook-b", sealed)
