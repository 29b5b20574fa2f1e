from tests.support.desks import Shell


def test_who_changed_what(shell: Shell) -> None:
    """The newest first, page by page, with who and what; no SecretKey."""
    plan = shell.json("plan", "create", "gold")["usagePlanId"]
    made = shell.json("secret", "create", "one")
    shell("bind", plan, "--secret", made["secretId"])
    rows = shell.json("audit")["audit"]
    assert [each["action"] for each in rows] == ["BindSecretIds", "CreateApiKey", "CreateUsagePlan"]
    assert {each["means"] for each in rows} <= {"shell", "token"}
    assert made["secretKey"] not in str(rows)
    (older, *_) = shell.json("audit", "--before", rows[0]["auditId"], "--limit", "1")["audit"]
    assert older == rows[1]
    assert "CreateUsagePlan" in shell("audit").splitlines()[-1]
    shell("audit", "--before", "x", status=1)
    assert "before must be the next of an answer" in shell.err
