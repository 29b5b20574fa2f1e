import stat
from pathlib import Path

from tests.support.desks import Shell

URL = "https://r.example/x"


def test_the_life_of_a_webhook(shell: Shell) -> None:
    """Made, listed, changed, rotated, tested, deleted; its key is shown when it is new."""
    plan = shell.json("plan", "create", "gold")["usagePlanId"]
    named = ("--threshold", "90", "--threshold", "75", "--window", "month", "--plan", plan, "--forecast")
    made = shell.json("webhook", "create", "ops", URL, *named)
    assert "Keep the signingKey now" in shell.err
    one = made["webhookId"]
    assert (made["thresholds"], made["windows"], made["usagePlanIds"]) == ([75, 90], ["month"], [plan])
    assert made["forecast"] is True
    listed = shell("webhook", "list")
    assert listed.splitlines()[1].split()[:3] == [one, "ops", URL]
    assert made["signingKey"] not in listed + shell("webhook", "show", one)
    changed = shell.json("webhook", "modify", one, "--all-plans", "--no-forecast", "--name", "o")
    assert (changed["usagePlanIds"], changed["forecast"], changed["name"]) == (None, False, "o")
    assert shell.json("webhook", "modify", one, "--disable")["enabled"] is False
    shell("webhook", "test", one, status=1)
    assert "enable it first (webhook_disabled)" in shell.err
    shell("webhook", "modify", one, "--enable")
    turned = shell.json("webhook", "rotate", one, "--overlap", "60")
    assert turned["signingKey"] != made["signingKey"]
    ping = shell.json("webhook", "test", one)
    (row,) = shell("webhook", "deliveries", one).splitlines()[1:]
    assert row.split()[:4] == [ping["deliveryId"], "webhook.ping", "pending", "0"]
    assert shell.json("webhook", "deliveries", one, "--state", "failed")["deliveries"] == []
    assert shell.json("webhook", "redeliver", one, ping["deliveryId"])["state"] == "pending"
    shell("webhook", "redeliver", one, "event-none", status=1)
    assert "unknown_delivery" in shell.err
    shell("webhook", "delete", one)
    assert shell.json("webhook", "list")["webhooks"] == []


def test_a_key_is_put_into_a_file(shell: Shell, tmp_path: Path) -> None:
    """Of its owner alone, and shown nowhere else."""
    first, second = tmp_path / "first", tmp_path / "second"
    told = shell("webhook", "create", "ops", URL, "--save", str(first), "-o", "json")
    key = first.read_text().strip()
    assert key.startswith("whsec_")
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    (made,) = shell.json("webhook", "list")["webhooks"]
    told += shell("webhook", "rotate", made["webhookId"], "--save", str(second))
    assert second.read_text().strip() not in ("", key)
    assert "whsec_" not in told
