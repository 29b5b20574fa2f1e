"""The documents: what they show must work."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from quotad.config.file import load

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "lua").glob("*.md")])

_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_FILE = re.compile(r"`((?:quotad|lua|tests|bench|docs)/[\w/.-]+\.\w+)`")
_YAML = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(document: Path) -> None:
    """Every relative link of a document names a file or folder that exists."""
    broken = [
        link
        for link in _LINK.findall(document.read_text(encoding="utf-8"))
        if not (document.parent / link).exists()
    ]
    assert not broken


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_that_are_named_exist(document: Path) -> None:
    """A file of the tree that a document names in code type is there."""
    named = set(_FILE.findall(document.read_text(encoding="utf-8")))
    assert not sorted(name for name in named if not (ROOT / name).exists())


@pytest.mark.parametrize("page", ["guarantees.md", "operations.md", "security.md"])
def test_the_proofs_are_tests_that_exist(page: str) -> None:
    """Every test that is named as a proof is there."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    named = set(_TEST.findall(text))
    assert named
    missing = [
        f"{path}::{name}"
        for path, name in sorted(named)
        if not (ROOT / path).is_file() or f"def {name}(" not in (ROOT / path).read_text(encoding="utf-8")
    ]
    assert not missing


def test_the_configuration_of_the_readme_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the README shows as a configuration is one, with the one variable that it names."""
    monkeypatch.setenv("ACME_SECRET_KEY", "a-key-of-the-test")
    (text,) = _YAML.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    path = tmp_path / "quotad.yaml"
    path.write_text(text, encoding="utf-8")
    config = load(path)
    assert [subject.tag for subject in config.table.subjects()] == [
        "usagePlan-starter1/service-orders01/release"
    ]


def test_the_speed_that_the_readme_tells_was_measured() -> None:
    """Each figure of its table is a row of the bench's page, and the aims that are met are as many."""
    page = (ROOT / "bench/results/table.md").read_text(encoding="utf-8")
    measured = [tuple(cell.strip() for cell in row.split("|")) for row in page.splitlines()]
    _, _, rest = (ROOT / "README.md").read_text(encoding="utf-8").partition("<!-- bench:begin")
    told, _, _ = rest.partition("<!-- bench:end -->")
    rows = re.findall(r"^\|[^|]*\|[^|]+\| \**([\d.]+)\** \| ([\d.]+) \| ([\d,]+) \|$", told, re.MULTILINE)
    assert len(rows) == told.count("\n|") - 2
    assert not [row for row in rows if not any(row == each[3:6] for each in measured)]
    assert (met := re.findall(r"\d+ of \d+ aims", told))
    assert not [each for each in met if each not in page]


@pytest.mark.parametrize("picture", sorted((ROOT / "docs").rglob("*.svg")), ids=lambda path: path.name)
def test_pictures_stand_alone(picture: Path) -> None:
    """A picture is well-formed, described in words, and fetches nothing."""
    text = picture.read_text(encoding="utf-8")
    tags = {element.tag.rpartition("}")[2] for element in ET.fromstring(text).iter()}
    assert {"title", "desc"} <= tags
    assert tags.isdisjoint({"image", "script", "foreignObject", "use"})
    assert "url(http" not in text
    assert "@import" not in text
