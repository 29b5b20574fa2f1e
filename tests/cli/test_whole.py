import stat
from pathlib import Path

from tests.support.servers import StoreServer
from tests.support.shell import (
    PLAN_ID,
    SECRET_ID,
    SECRET_KEY,
    SERVICE_ID,
    binding,
    control_file,
    file_of,
    quotad,
    wanted,
)


def test_the_differences_are_shown_first(store_server: StoreServer, tmp_path: Path) -> None:
    """A dry run changes nothing and says what applying does then; keys are not shown."""
    config = control_file(tmp_path, store_server.url)
    path = file_of(tmp_path / "f.yaml", wanted())
    command = ("apply", "-c", config, "-f", path)
    shown = quotad(*command, "--dry-run").splitlines()
    assert shown[0] == f"+ service {SERVICE_ID}: serviceName orders, published in release"
    assert shown[1] == (
        f"+ plan {PLAN_ID}: usagePlanName gold, dayQuotaRequest 100, environments +{SERVICE_ID}/release"
    )
    assert shown[2:] == [
        f"+ secret {SECRET_ID}: secretName one, plans +{PLAN_ID}",
        "3 would be made or changed, 0 would be deleted, in one step",
    ]
    assert quotad(*command).splitlines()[:3] == shown[:3]
    assert quotad(*command) == "nothing to change\n"
    secrets = [{"secretId": SECRET_ID, "secretName": "one", "secretKey": "another-key-of-one"}]
    plans = [{"usagePlanId": PLAN_ID, "usagePlanName": "gold", "rateRps": 5}]
    file_of(path, wanted(secrets=secrets, plans=plans, bindings=[]))
    assert quotad(*command).splitlines() == [
        f"~ plan {PLAN_ID}: rateRps 5, environments -{SERVICE_ID}/release, dayQuotaRequest 100 -> none",
        f"~ secret {SECRET_ID}: plans -{PLAN_ID}, secretKey another one",
        "2 made or changed, 0 deleted, in one step",
    ]


def test_deleting_is_asked_for(store_server: StoreServer, tmp_path: Path) -> None:
    """Without --prune nothing goes; without a terminal nobody is asked."""
    config = control_file(tmp_path, store_server.url)
    quotad("apply", "-c", config, "-f", file_of(tmp_path / "f.yaml", wanted()))
    path = tmp_path / "empty.yaml"
    path.write_text("")
    assert quotad("apply", "-c", config, "-f", path) == "nothing to change\n"
    told = quotad("apply", "-c", config, "-f", path, "--prune", stdin=-3)
    assert told.splitlines()[-1] == "0 made or changed, 3 deleted, in one step"
    assert quotad("export", "-c", config) == ""


def test_what_is_refused(store_server: StoreServer, tmp_path: Path) -> None:
    """A file that is wrong, bindings that the records cannot hold, a store that is away: each by its name."""
    config = control_file(tmp_path, store_server.url)
    path = file_of(tmp_path / "f.yaml", wanted(plans=[{"usagePlanId": PLAN_ID, "rateRps": -7}]))
    command = ("apply", "-c", config, "-f", path)
    assert quotad(*command, status=1).startswith(f"{path}: plans[0].rateRps: must be")
    secrets = [{"secretId": each, "secretKey": SECRET_KEY} for each in (SECRET_ID, "AKIDtwo")]
    services = [{"serviceId": SERVICE_ID, "serviceName": "orders"}]
    crossed = [binding(), binding(secret_ids=["AKIDtwo"], environments=["test"])]
    file_of(path, wanted(services=services, secrets=secrets, bindings=crossed))
    told = quotad(*command, status=1)
    assert told.startswith(f"quotad: plan {PLAN_ID}: secret AKIDone would have it in {SERVICE_ID}/test too")
    file_of(path, wanted(secrets=[{"secretId": SECRET_ID}]))
    assert f"secret {SECRET_ID} is not there yet: it needs a secretKey" in quotad(*command, status=1)
    assert "nothing" in quotad("apply", "-c", config, "-f", file_of(path, {}))
    control_file(tmp_path, "redis://127.0.0.1:9")
    assert quotad(*command, status=1).startswith("quotad: ")


def test_an_export_is_applied(store_server: StoreServer, tmp_path: Path) -> None:
    """A new file of its owner alone; applied it changes nothing; one that is there is not overwritten."""
    config, output = control_file(tmp_path, store_server.url), tmp_path / "out.yaml"
    quotad("apply", "-c", config, "-f", file_of(tmp_path / "f.yaml", wanted()))
    assert SECRET_KEY not in quotad("export", "-c", config)
    assert quotad("export", "-c", config, "--with-keys", "-o", output) == ""
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert SECRET_KEY in output.read_text()
    assert quotad("apply", "-c", config, "-f", output, "--prune") == "nothing to change\n"
    assert "File exists" in quotad("export", "-c", config, "-o", output, status=1)
    control_file(tmp_path, "redis://127.0.0.1:9")
    other = tmp_path / "other.yaml"
    quotad("export", "-c", config, "-o", other, status=1)
    assert not other.exists()
