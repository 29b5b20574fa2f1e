"""A configuration read again while it is in force."""

from pathlib import Path

from quotad.config.file import load
from quotad.config.model import Config
from quotad.errors import ConfigError, Problem

FIXED = ("listen", "telemetry", "admin", "store", "workers")
"""Parts that a running quotad cannot change."""


def reread(path: Path, current: Config) -> Config:
    """The file as it is now. Raises ConfigError when it is wrong, or changes what a restart is needed for."""
    config = load(path)
    changed = [name for name in FIXED if getattr(config, name) != getattr(current, name)]
    if changed:
        raise ConfigError([Problem(name, "changing this needs a restart") for name in changed])
    return config
