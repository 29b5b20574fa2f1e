"""The console's files, read once: what is served is looked up by its whole name, never on the disk."""

import gzip
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from posixpath import dirname, normpath

ROOT = Path(__file__).with_name("static")
PAGE = "index.html"

TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
_FIRST = "js/main.js"
_IMPORT = re.compile(rb'(?:from|import) ?"(\.[^"]+)"')


@dataclass(frozen=True, slots=True)
class File:
    """One of them."""

    content: bytes
    packed: bytes
    """The same by gzip; empty: it would not get smaller."""
    content_type: str
    tag: str
    """Its ETag, with quotes."""


@cache
def files() -> Mapping[str, File]:
    """By name, ``PAGE`` among them; all others begin with ``digest()`` and a slash."""
    found = {name: path.read_bytes() for name, path in _paths()}
    page = found.pop(PAGE).decode()
    digest = _digest(found, page)
    # Named at the page's top, so that the browser asks for all of them at once.
    links = "\n".join(f'<link rel="modulepreload" href="{digest}/{name}">' for name in _needed(found))
    filled = page.replace("{{digest}}", digest).replace("<!-- modules -->", links)
    shown = {f"{digest}/{name}": _file(name, content) for name, content in found.items()}
    return {**shown, PAGE: _file(PAGE, filled.encode())}


def _needed(found: Mapping[str, bytes]) -> list[str]:
    """The modules without which nothing is shown; what they fetch later is not among them."""
    needed, asked = set[str](), [_FIRST]
    while asked:
        name = asked.pop()
        if name in needed or name not in found:
            continue
        needed.add(name)
        asked += [normpath(f"{dirname(name)}/{other.decode()}") for other in _IMPORT.findall(found[name])]
    return sorted(needed)


def _paths() -> Iterator[tuple[str, Path]]:
    for path in sorted(ROOT.rglob("*")):
        if path.is_file() and path.suffix in TYPES:
            yield path.relative_to(ROOT).as_posix(), path


def _digest(found: Mapping[str, bytes], page: str) -> str:
    """Of all of them: a new version has new addresses, so each may be kept for ever."""
    whole = sha256(page.encode())
    for name, content in found.items():
        whole.update(f"\n{name}\n{len(content)}\n".encode())
        whole.update(content)
    return whole.hexdigest()[:16]


def _file(name: str, content: bytes) -> File:
    packed = gzip.compress(content, 9, mtime=0)
    tag = f'"{sha256(content).hexdigest()[:32]}"'
    return File(content, packed if len(packed) < len(content) else b"", TYPES[Path(name).suffix], tag)
