"""The control plane from a command line: files, a store, and what ``quotad`` prints."""

import json
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

MASTER_KEYS = "k1:" + b64encode(b"1" * 32).decode()

SERVICE_ID, PLAN_ID, SECRET_ID, SECRET_KEY = (
    "service-orders01",
    "usagePlan-gold01",
    "AKIDone",
    "the-key-of-one",
)


def wanted(**changes: Any) -> dict[str, Any]:
    """A file's sections: one service, one plan, one Secret, bound in release."""
    return {
        "services": [{"serviceId": SERVICE_ID, "serviceName": "orders", "environments": ["release"]}],
        "plans": [{"usagePlanId": PLAN_ID, "usagePlanName": "gold", "dayQuotaRequest": 100}],
        "secrets": [{"secretId": SECRET_ID, "secretName": "one", "secretKey": SECRET_KEY}],
        "bindings": [binding()],
        **changes,
    }


def binding(
    plan_id: str = PLAN_ID, secret_ids: Any = (SECRET_ID,), environments: Any = ("release",), **more: Any
) -> dict[str, Any]:
    """Of the one service."""
    places = [{"service": SERVICE_ID, "environment": each} for each in environments]
    return {"usagePlanId": plan_id, "secretIds": list(secret_ids), "environments": places, **more}


def file_of(path: Path, values: dict[str, Any]) -> Path:
    """A file that says this (JSON is YAML)."""
    path.write_text(json.dumps(values))
    return path


def control_file(folder: Path, url: str, keys: str = MASTER_KEYS, **more: Any) -> Path:
    """A configuration in control mode, without routes."""
    (folder / "master.keys").write_text(keys + "\n")
    control = {"masterKeys": "file:master.keys"}
    # A machine that stands still must refuse nobody.
    store = {"url": url, "deadlineMs": 5000}
    return file_of(folder / "quotad.yaml", {"store": store, "control": control, **more})


def quotad(*arguments: object, status: int = 0, **more: Any) -> str:
    """Run the real command; answers what it printed, or, where it is to fail, its errors."""
    command = [sys.executable, "-m", "quotad", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1800, **more)
    assert done.returncode == status, (done.stdout, done.stderr)
    told: str = done.stdout if status == 0 else done.stderr
    return told
