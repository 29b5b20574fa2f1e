from pathlib import Path

import pytest

from quotad.config.document import Document, Path_, read_document, show_path
from quotad.errors import ConfigError


def read(folder: Path, text: str) -> Document:
    """A document of this text."""
    path = folder / "quotad.yaml"
    path.write_text(text, encoding="utf-8")
    return read_document(path)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-1", -1),
        ("010", 10),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        ("1:30", "1:30"),
        ("1.5", 1.5),
        ("1e3", "1e3"),
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("on", "on"),
        ("null", None),
        ("~", None),
        ("", None),
        ("2xx", "2xx"),
        ("2027-01-31", "2027-01-31"),
        ("2027-01-31T00:00:00Z", "2027-01-31T00:00:00Z"),
        ('"5"', "5"),
        ("'true'", "true"),
        ("!!str 5", "5"),
        ("[1, a]", [1, "a"]),
        ("{a: {b: 1}}", {"a": {"b": 1}}),
    ],
)
def test_scalars(tmp_path: Path, text: str, value: object) -> None:
    """A plain scalar is null, true, false, a decimal number or text; nothing else is guessed."""
    document = read(tmp_path, f"key: {text}\n")
    assert document.value == {"key": value}
    assert document.problems == []


def test_lines(tmp_path: Path) -> None:
    """A Problem names the line of its field, or of what the field would stand in."""
    document = read(tmp_path, "a:\n  - b: 1\n    c: 2\n")
    assert document.problem(("a", 0, "c"), "is odd").message == "is odd (line 3)"
    assert document.problem(("a", 0, "missing"), "is odd").message == "is odd (line 2)"
    assert document.problem(("z",), "is odd").message == "is odd"


@pytest.mark.parametrize(
    ("path", "shown"),
    [((), "(file)"), (("plans", 0, "rateRps"), "plans[0].rateRps"), (("x" * 99,), "x" * 64)],
)
def test_show_path(path: Path_, shown: str) -> None:
    """Paths read as a user would write them, and are bounded."""
    assert show_path(path) == shown


def test_aliases_unfold_and_are_bounded(tmp_path: Path) -> None:
    """An alias is a copy; a file that unfolds without end is refused, quickly."""
    assert read(tmp_path, "a: &x [1]\nb: *x\n").value == {"a": [1], "b": [1]}
    laughs = "a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]\n"
    laughs += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    with pytest.raises(ConfigError, match="unfolds to more than"):
        read(tmp_path, laughs)


@pytest.mark.parametrize(
    "text",
    [
        "token: *topsecret\n",
        "token: !topsecret!topsecret x\n",
        'token: "topsecret\n',
        "token: topsecret: topsecret: x\n",
        "- a\ntoken: topsecret\n",
        "token: %topsecret\n",
        "token: @topsecret\n",
    ],
)
def test_what_is_no_yaml_is_not_shown(tmp_path: Path, text: str) -> None:
    """The words of a syntax error never quote the file."""
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert "is not YAML" in str(caught.value)
    assert "topsecret" not in str(caught.value)


def test_a_value_that_could_not_be_had_is_told_once() -> None:
    """After a value was unreadable, nothing more is said about it, but its neighbours are."""
    document = Document()
    document.refuse_unreadable(("a",), "cannot be read")
    document.refuse(("a",), "must be longer")
    document.refuse(("b",), "must be longer")
    assert [str(problem) for problem in document.problems] == ["a: cannot be read", "b: must be longer"]
