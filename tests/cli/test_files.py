from pathlib import Path

import pytest

from quotad.cli.files import FileError, load_config, named
from quotad.errors import ConfigError, Problem
from tests.support.commands import VALID


def test_each_problem_has_a_line_with_the_file(tmp_path: Path) -> None:
    """All that is wrong is told at once, each with the file's name before it."""
    path = tmp_path / "quotad.yaml"
    path.write_text(VALID.replace("rateRps: 5", "rateRps: -7").replace("path", "pth"))
    with pytest.raises(FileError) as caught:
        load_config(path)
    assert len(caught.value.lines) > 1
    assert all(line.startswith(f"{path}: ") for line in caught.value.lines)
    assert str(caught.value) == "\n".join(caught.value.lines)


def test_only_what_is_wrong_with_a_file_gets_its_name() -> None:
    """Other errors pass as they are."""
    with pytest.raises(FileError, match=r"^some\.yaml: a: b$"), named(Path("some.yaml")):
        raise ConfigError([Problem("a", "b")])
    with pytest.raises(KeyError), named(Path("some.yaml")):
        raise KeyError
