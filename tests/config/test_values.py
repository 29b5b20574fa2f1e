from pathlib import Path

import pytest

from quotad.config.document import Document
from quotad.config.values import MAX_FILE_BYTES, Outside, Resolver

ENVIRON = {
    "HOST": "redis.example",
    "KEY": "topsecret-key",
    "EMPTY": "",
    "TRICK": "${KEY}",
    "FILE": "file:key",
}


def resolved(folder: Path, value: object) -> tuple[object, list[str]]:
    """A value after resolution, and the problems."""
    document = Document()
    found = Resolver(document, folder, ENVIRON).resolve(value, ("field",))
    return found, [str(problem) for problem in document.problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("${KEY}", "topsecret-key"),
        ("redis://${HOST}:6379/${EMPTY}0", "redis://redis.example:6379/0"),
        ("$${KEY}", "${KEY}"),
        ("$$${KEY}", "$${KEY}"),
        ("$KEY $1", "$KEY $1"),
        ("${TRICK}", "${KEY}"),
        ("${FILE}", "file:key"),
        ("a file:key", "a file:key"),
    ],
)
def test_variables(tmp_path: Path, text: str, value: str) -> None:
    """References are replaced once, anywhere in a text; what they bring in is not read again."""
    assert resolved(tmp_path, text) == (value, [])


@pytest.mark.parametrize(
    ("content", "value"),
    [(b"key\n", "key"), (b"key\r\n", "key"), (b"key", "key"), (b"key\n\n", "key\n"), (b"${KEY}", "${KEY}")],
)
def test_files(tmp_path: Path, content: bytes, value: str) -> None:
    """A file's content is taken as it is, but for one newline at its end; the path may be relative."""
    (tmp_path / "redis.example").write_bytes(content)
    assert resolved(tmp_path, "file:redis.example") == (value, [])
    assert resolved(tmp_path, f"file:{tmp_path}/redis.example") == (value, [])
    assert resolved(tmp_path, "file:${HOST}") == (value, [])


def test_everywhere(tmp_path: Path) -> None:
    """Lists and mappings are searched, keys are not, other values stay what they are."""
    value = {"a": ["${KEY}", 1, None], "${KEY}": True}
    found, problems = resolved(tmp_path, value)
    assert found == {"a": ["topsecret-key", 1, None], "${KEY}": True}
    assert not problems


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("${NO_SUCH}", "the environment variable NO_SUCH is not set"),
        ("x${", "${ must begin a reference like ${NAME}; write $${ for the text ${"),
        ("${}", "${ must begin a reference like ${NAME}; write $${ for the text ${"),
        ("${1A}", "${ must begin a reference like ${NAME}; write $${ for the text ${"),
        ("file:no-such", "the file 'no-such' cannot be read: No such file or directory"),
        ("file:", "the file '' cannot be read: Is a directory"),
        ("file:${KEY}", "the file '${KEY}' cannot be read: No such file or directory"),
        ("file:large", f"the file 'large' is larger than {MAX_FILE_BYTES} bytes"),
        ("file:odd", "the file 'odd' is not UTF-8 text"),
    ],
)
def test_missing_ones_are_named(tmp_path: Path, text: str, problem: str) -> None:
    """The problem names the variable or file as written, never what it holds."""
    (tmp_path / "large").write_bytes(b"topsecret" * MAX_FILE_BYTES)
    (tmp_path / "odd").write_bytes(b"topsecret\xff")
    found, problems = resolved(tmp_path, text)
    assert problems == [f"field: {problem}"]
    assert "topsecret" not in str(found)


def test_what_came_from_outside_is_known(tmp_path: Path) -> None:
    """Text from outside may stand for a number; text of the file may not."""
    assert isinstance(resolved(tmp_path, "${KEY}")[0], Outside)
    assert not isinstance(resolved(tmp_path, "key")[0], Outside)
