"""Configuration files of commands: each problem on a line of its own, with the file's name."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from quotad.errors import ConfigError, QuotadError

if TYPE_CHECKING:
    from quotad.config.model import Config


class FileError(QuotadError):
    """A file was refused; ``lines`` say everything that is wrong with it."""

    def __init__(self, path: Path, error: ConfigError) -> None:
        self.lines = [f"{path}: {problem}" for problem in error.problems]
        super().__init__("\n".join(self.lines))


@contextmanager
def named(path: Path) -> Iterator[None]:
    """What is wrong is told with the file's name. Raises FileError for ConfigError."""
    try:
        yield
    except ConfigError as error:
        raise FileError(path, error) from error


def load_config(path: Path) -> "Config":
    """A whole configuration. Raises FileError."""
    from quotad.config.file import load

    with named(path):
        return load(path)
