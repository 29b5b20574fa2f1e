"""``reload: onChange``: the configuration is read again when one of its files is another.

By looking at them every two seconds, since that sees every way of changing one: written in place,
moved there, and a mounted ConfigMap or Secret, where only the link ``..data`` beside it is changed.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from quotad.config.read_files import read_files

EVERY_S = 2.0
CALM_S = 0.25
"""A change counts when nothing more changed for so long: a file may be half written."""

Look = dict[Path, tuple[int, ...] | None]
"""Per file what tells it from another; None: it cannot be seen."""


class Watch:
    """Looks at the files of the configuration at ``path``."""

    def __init__(
        self, path: Path, on_change: Callable[[], object], *, every_s: float = EVERY_S, calm_s: float = CALM_S
    ) -> None:
        self._path = path
        self._on_change = on_change
        self._every_s = every_s
        self._calm_s = calm_s
        self._seen: Look = {}

    async def start(self) -> None:
        """What is there now is what was read."""
        self._seen = await asyncio.to_thread(self._look, frozenset((self._path.absolute(),)))

    async def run(self) -> None:
        """Look until cancelled; ``on_change`` is called once for changes that come together."""
        while True:
            await asyncio.sleep(self._every_s)
            # In a thread: a file may lie on a server that does not answer.
            now = await asyncio.to_thread(self._look, frozenset(self._seen))
            if now == self._seen:
                continue
            while now != (now := await self._later(now)):
                pass
            self._seen = now
            self._on_change()

    async def _later(self, look: Look) -> Look:
        await asyncio.sleep(self._calm_s)
        return await asyncio.to_thread(self._look, frozenset(look))

    def _look(self, files: frozenset[Path]) -> Look:
        """How the files are; when the first of them is another one, also which they are."""
        look = {file: _mark(file) for file in files}
        path = self._path.absolute()
        if look[path] != self._seen.get(path):
            look = {file: _mark(file) for file in read_files(self._path)}
        return look


def _mark(file: Path) -> tuple[int, ...] | None:
    try:
        told = file.stat()
    except (OSError, ValueError):
        return None
    return told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns
