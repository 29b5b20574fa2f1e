"""The control plane of one command: on the store itself, without any running admin process."""

import contextlib
import getpass
from collections.abc import AsyncIterator

from quotad.catalog.vault import Vault
from quotad.config.model import Config
from quotad.controlplane.desk import Asker
from quotad.controlplane.operations import Operations
from quotad.controlplane.refusal import OperationError
from quotad.errors import QuotadError
from quotad.ground import Ground
from quotad.store.control import ControlStore


def asker() -> Asker:
    """Who runs the command, as the audit log shows it."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        # Python 3.13 made an OSError of it: a user without a name.
        name = "unknown"
    return Asker(f"shell:{name}", "admin", "shell")


@contextlib.asynccontextmanager
async def operations(config: Config) -> AsyncIterator[Operations]:
    """On the store and with the master keys of a configuration in control mode.

    Raises QuotadError, also for an OperationError that comes out of the block.
    """
    if config.control is None:
        raise QuotadError(
            "the configuration has no control section: what it serves stands in the file itself"
        )
    vault = Vault([(key.key_id, key.key) for key in config.control.master_keys])
    ground = Ground(config)
    try:
        control = ControlStore(await ground.start_server(), config.store)
        ground.closers.append(control.close)
        await control.start()
        yield Operations(control, vault, config.control.limits)
    except OperationError as error:
        raise QuotadError(f"{error.detail} ({error.reason.value})") from error
    finally:
        await ground.close()
