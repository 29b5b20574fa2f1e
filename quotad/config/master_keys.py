"""Master keys as they are written: ``ID:`` and 32 bytes in base64, one a line or parted by commas."""

import re
from base64 import b64decode
from binascii import Error as Base64Error

from quotad.config.model import MasterKey

KEY_BYTES = 32

_ID = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)
_FORM = "must be ID:KEY, one or several on lines of their own or parted by commas"


def parse_master_keys(text: str) -> tuple[MasterKey, ...]:
    """The keys, the one that seals first. Raises ValueError that shows nothing of them."""
    keys: dict[str, MasterKey] = {}
    for item in filter(None, map(str.strip, re.split(r"[,\n]", text))):
        key_id, colon, encoded = item.partition(":")
        if not colon:
            raise ValueError(_FORM)
        if not _ID.fullmatch(key_id):
            raise ValueError(f"{_FORM}; an ID is 1 to 32 characters of A-Z a-z 0-9 _ -")
        if key_id in keys:
            raise ValueError(f"the ID {key_id} is there twice")
        try:
            key = b64decode(encoded.strip(), validate=True)
        except (Base64Error, ValueError):
            key = b""
        if len(key) != KEY_BYTES:
            raise ValueError(f"the key of ID {key_id} must be {KEY_BYTES} bytes in base64 (44 characters)")
        keys[key_id] = MasterKey(key_id, key)
    if not keys:
        raise ValueError(_FORM)
    return tuple(keys.values())
