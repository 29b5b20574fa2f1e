"""Passwords that stand in files, so that they can change without a restart."""

from pathlib import Path

from quotad.errors import StoreError

_CHARACTERS_AT_MOST = 4096


def read(path: Path) -> str:
    """The file's text without its last line end. To be asked again before every login.

    Raises StoreError (``noauth``) when there is none to be had; its text shows the path at most.
    """
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise _unusable(path, "is not UTF-8 text") from None
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}") from None
    if len(text) > _CHARACTERS_AT_MOST:
        raise _unusable(path, "is too long to be a password")
    return text.removesuffix("\n").removesuffix("\r")


def _unusable(path: Path, why: str) -> StoreError:
    return StoreError("noauth", f"the store's password file {path} {why}", executed=False)
