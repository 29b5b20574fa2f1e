import stat
from pathlib import Path

import pytest

from tests.support.desks import Shell
from tests.support.shell import PLAN_ID, SECRET_ID, SECRET_KEY, SERVICE_ID, binding, file_of, wanted


def test_the_differences_are_shown_first(shell: Shell, tmp_path: Path) -> None:
    """A dry run changes nothing and says what applying does then; keys are not shown."""
    path = file_of(tmp_path / "f.yaml", wanted())
    command = ("apply", "-f", str(path))
    shown = shell(*command, "--dry-run").splitlines()
    assert shown[0] == f"+ service {SERVICE_ID}: serviceName orders, published in release"
    assert shown[1] == (
        f"+ plan {PLAN_ID}: usagePlanName gold, dayQuotaRequest 100, environments +{SERVICE_ID}/release"
    )
    assert shown[2:] == [
        f"+ secret {SECRET_ID}: secretName one, plans +{PLAN_ID}",
        "3 would be made or changed, 0 would be deleted, in one step",
    ]
    assert shell(*command).splitlines()[:3] == shown[:3]
    assert shell(*command) == "nothing to change\n"
    secrets = [{"secretId": SECRET_ID, "secretName": "one", "secretKey": "another-key-of-one"}]
    plans = [{"usagePlanId": PLAN_ID, "usagePlanName": "gold", "rateRps": 5}]
    file_of(path, wanted(secrets=secrets, plans=plans, bindings=[]))
    assert shell(*command).splitlines() == [
        f"~ plan {PLAN_ID}: rateRps 5, environments -{SERVICE_ID}/release, dayQuotaRequest 100 -> none",
        f"~ secret {SECRET_ID}: plans -{PLAN_ID}, secretKey another one",
        "2 made or changed, 0 deleted, in one step",
    ]


def test_deleting_is_asked_for(shell: Shell, tmp_path: Path) -> None:
    """Without --prune nothing goes; without a terminal nobody is asked."""
    shell("apply", "-f", str(file_of(tmp_path / "f.yaml", wanted())))
    path = tmp_path / "empty.yaml"
    path.write_text("")
    assert shell("apply", "-f", str(path)) == "nothing to change\n"
    told = shell("apply", "-f", str(path), "--prune")
    assert told.splitlines()[-1] == "0 made or changed, 3 deleted, in one step"
    assert shell("export") == ""


def test_what_is_refused(shell: Shell, tmp_path: Path) -> None:
    """A file that is wrong, bindings that the records cannot hold: each by its name."""
    path = file_of(tmp_path / "f.yaml", wanted(plans=[{"usagePlanId": PLAN_ID, "rateRps": -7}]))
    command = ("apply", "-f", str(path))
    shell(*command, status=1)
    assert shell.err.startswith(f"{path}: plans[0].rateRps: must be")
    secrets = [{"secretId": each, "secretKey": SECRET_KEY} for each in (SECRET_ID, "AKIDtwo")]
    services = [{"serviceId": SERVICE_ID, "serviceName": "orders"}]
    crossed = [binding(), binding(secret_ids=["AKIDtwo"], environments=["test"])]
    file_of(path, wanted(services=services, secrets=secrets, bindings=crossed))
    shell(*command, status=1)
    assert f"lan {PLAN_ID}: secret AKIDone would have it in {SERVICE_ID}/test too" in shell.err
    file_of(path, wanted(secrets=[{"secretId": SECRET_ID}]))
    shell(*command, status=1)
    assert f"ecret {SECRET_ID} is not there yet: it needs a secretKey" in shell.err
    assert SECRET_KEY not in shell.err
    file_of(path, {})
    assert "nothing" in shell(*command)


def test_references_are_read_where_the_command_runs(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable and a file of this machine; an escaped one is text, there as here."""
    monkeypatch.setenv("THE_KEY", SECRET_KEY)
    (tmp_path / "name").write_text("from_a_file")
    secret = {"secretId": SECRET_ID, "secretKey": "${THE_KEY}", "secretName": "file:name"}
    plan = {"usagePlanId": PLAN_ID, "usagePlanName": "$${THE_KEY}"}
    path = file_of(tmp_path / "f.yaml", wanted(secrets=[secret], plans=[plan]))
    shell("apply", "-f", str(path))
    assert shell.json("secret", "reveal", SECRET_ID)["secretKey"] == SECRET_KEY
    assert shell.json("secret", "show", SECRET_ID)["secretName"] == "from_a_file"
    assert shell.json("plan", "show", PLAN_ID)["usagePlanName"] == "${THE_KEY}"


def test_an_export_is_applied(shell: Shell, tmp_path: Path) -> None:
    """A new file of its owner alone; applied it changes nothing; one that is there is not overwritten."""
    output = tmp_path / "out.yaml"
    shell("apply", "-f", str(file_of(tmp_path / "f.yaml", wanted())))
    assert SECRET_KEY not in shell("export")
    assert shell("export", "--with-keys", "-o", str(output)) == ""
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert SECRET_KEY in output.read_text()
    assert shell("apply", "-f", str(output), "--prune") == "nothing to change\n"
    shell("export", "-o", str(output), status=1)
    assert "File exists" in shell.err
    other = tmp_path / "other.yaml"
    shell("export", "--admin", "http://127.0.0.1:9", "-o", str(other), status=3)
    assert not other.exists()
