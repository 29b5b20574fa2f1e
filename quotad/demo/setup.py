"""The demo's folder: keys, configuration, data. Made anew for each demo unless it is to be kept."""

import fcntl
import json
import os
import secrets
import shutil
import string
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from quotad.client.caller import KeyPair
from quotad.errors import QuotadError

SERVICE = "service-demo0001"
TRIAL = "usagePlan-trial001"
BUSINESS = "usagePlan-business"
TRIAL_RATE = 5
TRIAL_DAY = 20
BUSINESS_RATE = 100
BUSINESS_MONTH = 100_000

_MARK = "quotad-demo"
_OWN = ("quotad.yaml", "quotad.log", "access.log", "keys", "data")
_ALPHANUMERIC = string.ascii_letters + string.digits
_MIDNIGHT_MARGIN = timedelta(minutes=10)

_YAML = """\
# Made by `quotad demo`. It works with `quotad serve -c` as well, while the backend runs.
listen: {{address: "127.0.0.1:{port}"}}
telemetry: {{address: "127.0.0.1:0", accessLog: {access_log}}}
admin: {{address: "127.0.0.1:0", unauthenticatedLoopback: true}}

store:
  embedded: {{dir: {data}}}

services:
  - {{serviceId: {service}, serviceName: demo, environments: [release]}}

routes:
  - {{pathPrefix: /, service: demo, environment: release, upstreams: ["{backend}"]}}

plans:
  - usagePlanId: {trial}
    usagePlanName: trial
    rateRps: {trial_rate}
    dayQuotaRequest: {trial_day}
    timezone: {zone}
  - usagePlanId: {business}
    usagePlanName: business
    rateRps: {business_rate}
    monthQuotaRequest: {business_month}
    quotaCondition: 2xx # what the backend answers otherwise is free

secrets:
  - {{secretName: trial, secretId: {trial_id}, secretKey: {trial_key}}}
  - {{secretName: business, secretId: {business_id}, secretKey: {business_key}}}

bindings:
  - usagePlanId: {trial}
    secretIds: [{trial_id}]
    environments: [{{service: demo, environment: release}}]
  - usagePlanId: {business}
    secretIds: [{business_id}]
    environments: [{{service: demo, environment: release}}]
"""


@dataclass(frozen=True, slots=True)
class Ground:
    """A folder in which a demo may run."""

    folder: Path
    trial: KeyPair
    business: KeyPair

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / "quotad.yaml"

    @property
    def log(self) -> Path:
        """What ``quotad serve`` said."""
        return self.folder / "quotad.log"

    def key_file(self, name: str) -> Path:
        """The file with a Secret's key, by the Secret's name."""
        return self.folder / "keys" / f"{name}.key"


def prepare(folder: Path, *, keep: bool) -> Ground:
    """Make the folder ready: empty, or with the keys and counters of the last demo (``keep``).

    Raises QuotadError when the folder holds something that is not a demo's, or another demo runs there.
    """
    folder = folder.absolute()
    try:
        if folder.is_dir() and not (folder / _MARK).exists() and any(folder.iterdir()):
            raise QuotadError(f"{folder} is in use for something else; choose another with --dir")
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        _lock(folder / _MARK)
        if not keep:
            _clear(folder)
        (folder / "keys").mkdir(mode=0o700, exist_ok=True)
        return Ground(folder, _pair(folder, "trial"), _pair(folder, "business"))
    except OSError as error:
        raise QuotadError(f"{error.filename or folder}: {error.strerror}") from error


def write_config(ground: Ground, port: int, backend: str, now: datetime) -> None:
    """Write the configuration: callers' port (0: a free one) and the backend's URL."""
    text = _YAML.format(
        port=port,
        access_log=_quoted(ground.folder / "access.log"),
        data=_quoted(ground.folder / "data"),
        service=SERVICE,
        backend=backend,
        trial=TRIAL,
        trial_rate=TRIAL_RATE,
        trial_day=TRIAL_DAY,
        zone=_zone(now),
        business=BUSINESS,
        business_rate=BUSINESS_RATE,
        business_month=BUSINESS_MONTH,
        trial_id=ground.trial.secret_id,
        trial_key=_quoted("file:" + str(ground.key_file("trial"))),
        business_id=ground.business.secret_id,
        business_key=_quoted("file:" + str(ground.key_file("business"))),
    )
    ground.config.write_text(text, encoding="utf-8")


def _zone(now: datetime) -> str:
    """A time zone whose midnight is not near, so that the day does not end while the lines are tried."""
    in_utc = now.astimezone(UTC)
    near = (in_utc + _MIDNIGHT_MARGIN).date() != in_utc.date()
    return "Asia/Tokyo" if near else "UTC"


def _lock(path: Path) -> None:
    # Held until the process ends; not inherited by children.
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise QuotadError(f"another demo runs in {path.parent}; choose another folder with --dir") from None


def _clear(folder: Path) -> None:
    for name in _OWN:
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _pair(folder: Path, name: str) -> KeyPair:
    key_file = folder / "keys" / f"{name}.key"
    id_file = folder / "keys" / f"{name}.id"
    if not key_file.exists():
        _write_private(id_file, "AKID" + "".join(secrets.choice(_ALPHANUMERIC) for _ in range(36)))
        _write_private(key_file, "".join(secrets.choice(_ALPHANUMERIC) for _ in range(40)))
    return KeyPair(id_file.read_text(encoding="ascii").strip(), key_file.read_text(encoding="ascii").strip())


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text + "\n")


def _quoted(value: object) -> str:
    """A YAML scalar for any text: JSON strings are YAML; ``$`` must not be read as a variable."""
    return json.dumps(str(value)).replace("${", "$${")
