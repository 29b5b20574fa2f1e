"""Numbers written into bytes one after the other, which compiled code does without making an object of each.

Interpreted, the formats of the standard library are quicker: ``NATIVE`` says which to take.
"""

from types import BuiltinFunctionType
from typing import Final

from librt.strings import BytesWriter

_GROUP: Final = 1000
_FIRST: Final[list[bytes]] = [b"%d" % number for number in range(_GROUP)]
_NEXT: Final[list[bytes]] = [b"%03d" % number for number in range(_GROUP)]


def write_decimal(writer: BytesWriter, number: int) -> None:
    """The digits of a number that is not negative."""
    if number < _GROUP:
        writer.write(_FIRST[number])
        return
    high = number // _GROUP
    write_decimal(writer, high)
    writer.write(_NEXT[number - high * _GROUP])


NATIVE: Final = isinstance(write_decimal, BuiltinFunctionType)
"""Whether this runs compiled."""
