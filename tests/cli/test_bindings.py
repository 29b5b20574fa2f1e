from tests.support.desks import Shell


def test_bound_and_unbound(shell: Shell) -> None:
    """Secrets and environments, in one command or several; what breaks a rule is told by name."""
    service = shell.json("service", "create", "orders")["serviceId"]
    shell("service", "publish", service, "release")
    gold, free = (shell.json("plan", "create", name)["usagePlanId"] for name in ("gold", "free"))
    one, two = (shell.json("secret", "create", name)["secretId"] for name in ("one", "two"))
    place = f"{service}/release"
    shell("bind", gold, "--at", place, "--secret", one, "--secret", two)
    assert shell.json("secret", "show", one)["usagePlanIds"] == [gold]
    assert shell.json("plan", "show", gold)["environments"][0]["shadow"] is False
    shell("bind", free, "--at", place)
    shell("bind", free, "--secret", two, status=1)
    assert f"Secret {two} has plan {gold} in {place} already: one plan each" in shell.err
    shell("unbind", free, "--at", place)
    shell("bind", free, "--at", place, "--shadow")
    shell("bind", free, "--secret", two)
    shell("unbind", gold, "--secret", two, "--at", place)
    assert shell.json("secret", "show", two)["usagePlanIds"] == [free]
    assert shell.json("plan", "show", gold)["environments"] == []


def test_wrong_usage(shell: Shell) -> None:
    """Nothing to bind is wrong usage; an environment without its service is named."""
    shell("bind", "usagePlan-x", status=2)
    shell("unbind", "usagePlan-x", "--at", "release", status=1)
    assert "release: is not SERVICE/ENVIRONMENT" in shell.err
