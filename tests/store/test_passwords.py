from pathlib import Path

import pytest

from quotad.errors import StoreError
from quotad.store import passwords


@pytest.mark.parametrize(
    ("text", "password"),
    [
        ("word", "word"),
        ("word\n", "word"),
        ("word\r\n", "word"),
        ("word\n\n", "word\n"),
        (" w ", " w "),
        ("", ""),
    ],
)
def test_one_line_end_is_no_part_of_the_password(tmp_path: Path, text: str, password: str) -> None:
    """Everything else is."""
    path = tmp_path / "password"
    path.write_bytes(text.encode())
    assert passwords.read(path) == password


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"x" * 5000], ids=["missing", "no text", "too long"])
def test_a_file_without_a_password_is_a_refused_login(tmp_path: Path, content: bytes | None) -> None:
    """The error names the file and shows nothing of what is in it."""
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StoreError, match=str(path)) as refused:
        passwords.read(path)
    assert (refused.value.kind, refused.value.executed) == ("noauth", False)
    assert "xxx" not in str(refused.value)
