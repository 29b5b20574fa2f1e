"""Requests that others collected, installed from PyPI and never committed."""

import contextlib
import re
import subprocess
import sys
import tarfile
import tempfile
import types
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gunicorn.config import Config

from tests.support.rawhttp import PAIR

KEPT = Path(__file__).parents[2] / "build" / "corpora"

_HEX = re.compile(rb"\\x([0-9A-Fa-f]{2})")
_OPTION = re.compile(r"cfg\.set\(['\"](\w+)")
_FIRST_LINE = re.compile(rb"[^\r\n]* HTTP/1\.[01]\r\n")


@dataclass(frozen=True)
class Case:
    """One file of gunicorn's: a stream of bytes, and what gunicorn makes of it."""

    name: str
    stream: bytes
    expected: Any
    """The requests as gunicorn reads them, or the error that it raises."""
    options: frozenset[str]
    """The settings of gunicorn without which it would decide otherwise."""

    @property
    def requests(self) -> list[dict[str, Any]]:
        """What a valid file holds."""
        return list(self.expected) if isinstance(self.expected, list) else [self.expected]

    def dressed(self, count: int = 1) -> bytes:
        """The stream with credentials in its first ``count`` heads, and a Host where HTTP/1.1 has none.

        gunicorn asks for neither; without them every request is refused for that alone.
        """
        parts, at = [], 0
        for found in list(_FIRST_LINE.finditer(self.stream))[:count]:
            parts += [self.stream[at : found.end()], PAIR]
            at = found.end()
            fields = b"\r\n" + self.stream[at:].partition(b"\r\n\r\n")[0].lower()
            if b"\r\nhost:" not in fields and found[0].endswith(b"1\r\n"):
                parts.append(b"Host: a\r\n")
        return b"".join([*parts, self.stream[at:]])


def gunicorn_cases(kind: str) -> list[Case]:
    """The files of a kind (``valid``, ``invalid``), by name; asks PyPI once."""
    folder = unpacked("gunicorn") / "tests" / "requests" / kind
    return [_case(path) for path in sorted(folder.glob("*.http"))]


def _case(path: Path) -> Case:
    # As gunicorn's own tests/treq.py reads them.
    stream = path.read_bytes().replace(b"\n", b"").replace(b"\\r\\n", b"\r\n")
    stream = stream.replace(b"\\0", b"\x00").replace(b"\\n", b"\n").replace(b"\\t", b"\t")
    stream = _HEX.sub(lambda found: bytes([int(found[1], 16)]), stream)
    says = path.with_suffix(".py")
    module = types.ModuleType("expectation")
    vars(module).update(uri=str, cfg=Config())
    SourceFileLoader("expectation", str(says)).exec_module(module)
    options = frozenset(_OPTION.findall(says.read_text(encoding="utf-8")))
    return Case(path.stem, stream, vars(module)["request"], options)


def unpacked(project: str) -> Path:
    """A project's sources with its tests, of the version that is installed here; asks PyPI once."""
    release = version(project)
    sources = KEPT / f"{project}-{release}"
    if not sources.is_dir():
        KEPT.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=KEPT) as folder:
            _download(project, release, folder)
            (archive,) = Path(folder).glob("*.tar.gz")
            with tarfile.open(archive) as packed:
                # Debian 12's Python knows of no filters, and passes over this.
                packed.extraction_filter = getattr(tarfile, "data_filter", None)
                packed.extractall(folder)
            # Another process, or thread, may have been first: a folder with something in it stays.
            with contextlib.suppress(OSError):
                (Path(folder) / sources.name).rename(sources)
    return sources


def _download(project: str, release: str, folder: str) -> None:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "--no-deps", "--no-binary", project, "--dest", folder, f"{project}=={release}"], check=True
    )
