import gzip
import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

from quotad.controlplane.console import files as module
from quotad.controlplane.console.files import PAGE, ROOT, TYPES, files

VENDOR = ROOT / "vendor"


def manifest() -> list[dict[str, Any]]:
    """The libraries of others."""
    libraries: list[dict[str, Any]] = json.loads((VENDOR / "manifest.json").read_text())["libraries"]
    return libraries


def test_libraries_are_what_their_authors_published() -> None:
    """Each file of others has version, licence and digest in the manifest, and none is there beside those."""
    told = {each["file"]: each["sha256"] for library in manifest() for each in library["files"]}
    found = {
        path.relative_to(VENDOR).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    assert found == told
    for library in manifest():
        assert re.fullmatch(r"\d+\.\d+\.\d+", library["version"])
        assert library["licence"] in ("MIT", "BSD-3-Clause")
        assert library["licenceFile"] in told


def test_nothing_is_asked_of_others() -> None:
    """What is ours names no address on another host, and has no inline script, style or handler."""
    own = [path for path in ROOT.rglob("*") if path.is_file() and VENDOR not in path.parents]
    for path in own:
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://", text), path
        assert not re.search(r"<style|<script(?![^>]* src=)|\sstyle=|\son[a-z]+=\"|innerHTML|eval\(", text), (
            path
        )


def test_every_kind_is_known() -> None:
    """No file is left out for want of a type."""
    assert {path.suffix for path in ROOT.rglob("*") if path.is_file()} <= TYPES.keys()


def test_a_new_version_has_new_addresses(tmp_path: Path, monkeypatch: Any) -> None:
    """All names but the page's begin with a digest of everything, which any change changes."""
    found = files()
    (digest,) = {name.partition("/")[0] for name in found if name != PAGE}
    page = found[PAGE].content.decode()
    assert f'src="{digest}/js/main.js"' in page
    assert "{{" not in page
    for name in re.findall(r'(?:href|src)="([^"]+)"', page):
        assert name in found, name
    (tmp_path / "index.html").write_text((ROOT / PAGE).read_text())
    (tmp_path / "console.css").write_text("body {}")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    assert not any(name.startswith(digest) for name in files.__wrapped__())


def test_modules_find_each_other() -> None:
    """Every module that is imported is there."""
    for path in (ROOT / "js").rglob("*.js"):
        for name in re.findall(r'(?:from|import|import\()\s*"(\.[^"]+)"', path.read_text()):
            assert (path.parent / name).is_file(), (path, name)


def test_little_is_needed_before_something_is_shown() -> None:
    """The page names what its first module imports, at once; pages and charts come later. It is small."""
    found = files()
    page = found[PAGE].content.decode()
    named = set(re.findall(r'<link rel="(?:modulepreload|stylesheet)" href="[^/]+/([^"]+)"', page))
    assert {"console.css", "js/main.js", "js/ui.js", "vendor/lit-html/lit-html.js"} <= named
    assert not [name for name in named if name.startswith("js/pages/") or "chart" in name.lower()]
    (digest,) = {name.partition("/")[0] for name in found if name != PAGE}
    sizes = [len(file.packed or file.content) for file in (found[f"{digest}/{name}"] for name in named)]
    assert len(sizes) <= 18
    assert sum(sizes) <= 32_000


def test_packed_is_the_same() -> None:
    """What goes out by gzip unpacks to what stands there."""
    for file in files().values():
        assert not file.packed or gzip.decompress(file.packed) == file.content
