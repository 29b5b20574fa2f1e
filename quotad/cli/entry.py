"""One command line: its words to a command, what is wrong with them or happened to stderr, a status back."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from quotad.cli.files import FileError, load_config
from quotad.errors import QuotadError
from quotad.garbage import made_to_stay


def main(arguments: Sequence[str]) -> int:
    """Run one command line (without the program's name) and answer its exit status."""
    try:
        match arguments:
            # What runs for months does not carry the library that reads command lines.
            case ["serve", "-c" | "--config", path]:
                return serve(Path(path))
            case ["admin", "-c" | "--config", path]:
                return admin(Path(path))
            case ["worker", channel, log_lock, slots]:
                return _worker(channel, log_lock, slots)
        return _command(arguments)
    except FileError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    except QuotadError as error:
        print(f"quotad: {error}", file=sys.stderr)
        return error.exit_status
    except BrokenPipeError:
        # Whoever read our output has enough; Python would complain once more while flushing at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def serve(path: Path) -> int:
    """``quotad serve``: until a signal ends it. Raises QuotadError."""
    # What is imported stays: looking for garbage in it is a twentieth of the CPU of a start.
    with made_to_stay():
        config = load_config(path)
        if config.workers > 1 or config.supervised:
            from quotad.workers.supervisor import run
        else:
            from quotad.app import run
    return run(path, config)


def admin(path: Path) -> int:
    """``quotad admin``: until a signal ends it. Raises QuotadError."""
    with made_to_stay():
        from quotad.admin import run

        config = load_config(path)
    return run(path, config)


def _worker(channel: str, log_lock: str, slots: str) -> int:
    """Started by ``serve`` itself."""
    with made_to_stay():
        from quotad.workers.worker import run
    return run(int(channel), int(log_lock), slots)


def _command(arguments: Sequence[str]) -> int:
    import click

    from quotad.cli.root import root

    try:
        status = root.main(list(arguments), prog_name="quotad", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort as error:
        raise KeyboardInterrupt from error
    return status if isinstance(status, int) else 0
