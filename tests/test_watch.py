import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quotad.watch import Watch
from tests.support.mounts import Mount
from tests.support.waiting import until


class Heard:
    """Counts changes."""

    def __init__(self) -> None:
        self.changes = 0

    def __call__(self) -> None:
        self.changes += 1


@contextlib.asynccontextmanager
async def watching(path: Path) -> AsyncIterator[Heard]:
    """A Watch that looks often."""
    heard = Heard()
    watch = Watch(path, heard, every_s=0.01, calm_s=0.1)
    await watch.start()
    task = asyncio.ensure_future(watch.run())
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.wait((task,))
    assert task.cancelled()


def write(path: Path) -> None:
    """In place."""
    path.write_text("workers: 1234\n")


def move(path: Path) -> None:
    """As `mv` and most editors do, with the size that it had."""
    other = path.with_suffix(".new")
    other.write_text(path.read_text().replace("1", "2"))
    other.rename(path)


def touch(path: Path) -> None:
    """No byte of it changes: that is not looked at."""
    os.utime(path, (1, 1))


@pytest.mark.parametrize("change", [write, move, touch, Path.unlink])
async def test_a_change_is_heard_once(change: object, tmp_path: Path) -> None:
    """However a file is changed, and again when it is changed again."""
    path = tmp_path / "quotad.yaml"
    path.write_text("workers: 1\n")
    async with watching(path) as heard:
        change(path)  # type: ignore[operator]
        await until(lambda: heard.changes == 1)
        path.write_text("workers: 1 # back\n")
        await until(lambda: heard.changes == 2)


async def test_a_mounted_configmap_is_heard(tmp_path: Path) -> None:
    """Its files are links into a folder that ``..data`` leads to, and only that link is changed."""
    mount = Mount(tmp_path / "etc", {"quotad.yaml": "workers: 1\n"})
    async with watching(mount.folder / "quotad.yaml") as heard:
        mount.update({"quotad.yaml": "workers: 2\n"})
        await until(lambda: heard.changes == 1)


async def test_files_that_are_named_are_watched(tmp_path: Path) -> None:
    """Also such as a change has named, and one that is not there yet."""
    path = tmp_path / "quotad.yaml"
    path.write_text("workers: 1\n")
    async with watching(path) as heard:
        path.write_text("secrets: [{secretKey: file:key}]\n")
        await until(lambda: heard.changes == 1)
        (tmp_path / "key").write_text("one")
        await until(lambda: heard.changes == 2)


async def test_a_change_waits_until_it_is_whole(tmp_path: Path) -> None:
    """While a file grows nothing is heard: it is half written."""
    path = tmp_path / "quotad.yaml"
    path.write_text("")
    heard = Heard()
    watch = Watch(path, heard, every_s=0.01, calm_s=0.01)
    await watch.start()
    looks = 0
    look = watch._look

    def grow(files: frozenset[Path]) -> object:
        nonlocal looks
        looks += 1
        if looks <= 20:
            with path.open("a") as file:
                file.write("#")
            assert not heard.changes
        return look(files)

    watch._look = grow  # type: ignore[method-assign, assignment]
    task = asyncio.ensure_future(watch.run())
    await until(lambda: heard.changes == 1)
    task.cancel()
    await asyncio.wait((task,))
    assert looks > 20
