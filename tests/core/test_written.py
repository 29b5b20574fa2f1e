"""Numbers that compiled code writes into bytes."""

from hypothesis import example, given
from hypothesis import strategies as st
from librt.strings import BytesWriter

from quotad.core import limit_headers
from quotad.core.written import NATIVE, write_decimal


@given(st.integers(0, 2**62))
@example(0)
@example(999)
@example(1000)
@example(999_999)
@example(1_000_000)
@example(2**61)
def test_decimal_digits(number: int) -> None:
    """They are those that the standard library writes."""
    writer = BytesWriter()
    writer.write(b"x")
    write_decimal(writer, number)
    assert writer.getvalue() == b"x%d" % number


def test_compiled_code_knows_itself() -> None:
    """NATIVE says what the library is that is imported."""
    assert str(limit_headers.__file__).endswith(".so") is NATIVE
