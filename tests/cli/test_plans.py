from tests.support.desks import Shell


def test_the_life_of_a_plan(shell: Shell) -> None:
    """Made, listed, changed, shown, deleted."""
    made = shell.json(
        "plan", "create", "gold", "--rate", "10", "--day", "100", "--set", "timezone=Asia/Tokyo"
    )
    plan_id = made["usagePlanId"]
    assert (made["rateRps"], made["timezone"], made["secretCount"]) == (10, "Asia/Tokyo", 0)
    assert made["created"].endswith("Z")
    changed = shell.json(
        "plan", "modify", plan_id, "--name", "silver", "--day", "50", "--set", "rateRps=null"
    )
    assert (changed["usagePlanName"], changed["dayQuotaRequest"], changed["rateRps"]) == ("silver", 50, -1)
    head, row = shell("plan", "list").splitlines()
    assert head.split()[:2] == ["usagePlanId", "usagePlanName"]
    assert row.split() == [plan_id, "silver", "-", "50", "-", "-", "0"]
    assert "usagePlanName      silver" in shell("plan", "show", plan_id)
    shell("plan", "create", "x", "--id", "usagePlan-of-mine")
    shell("plan", "delete", plan_id)
    assert shell.json("plan", "list")["totalCount"] == 1


def test_what_is_refused_names_field_and_rule(shell: Shell) -> None:
    """One line on stderr, nothing on stdout."""
    for arguments, words in (
        (("create", "gold", "--rate", "-7"), "rateRps must be at least -1 (invalid_value)"),
        (("create", "gold", "--set", "ratRps=5"), "The body has an unknown field; did you mean rateRps?"),
        (("show", "usagePlan-none"), "There is no plan usagePlan-none (unknown_plan)"),
    ):
        assert shell("plan", *arguments, status=1) == ""
        assert shell.err.startswith(f"quotad: {words}"), shell.err
        assert shell.err.count("\n") == 1
