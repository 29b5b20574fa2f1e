"""A configuration read again while it is in force."""

from dataclasses import replace
from pathlib import Path

from quotad.config.file import load
from quotad.config.model import Admin, Config
from quotad.config.section import to_camel
from quotad.errors import ConfigError, Problem

FIXED = (
    *("listen", "authorize", "telemetry.address", "telemetry.access_log", "admin", "store", "workers"),
    *("tracing.endpoint", "supervised", "reload", "control"),
)
"""Parts that a running process cannot change."""

KEPT = ("listen.address", "authorize.address", *FIXED[2:])
"""Parts that a supervisor cannot change, whatever its workers are."""


def reread(path: Path, current: Config, fixed: tuple[str, ...] = FIXED) -> Config:
    """The file as it is now. Raises ConfigError when it is wrong, or changes what a restart is needed for."""
    config = load(path)
    changed = [name for name in fixed if _part(config, name) != _part(current, name)]
    if changed:
        raise ConfigError(
            [
                Problem(".".join(map(to_camel, name.split("."))), "changing this needs a restart")
                for name in changed
            ]
        )
    return config


def _part(config: Config, name: str) -> object:
    """What ``name`` leads to, but for what can change in it; None where a section on the way is absent."""
    part: object = config
    for key in name.split("."):
        part = getattr(part, key, None)
    return replace(part, access_log_one_in=1) if isinstance(part, Admin) else part
