from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotad.config.master_keys import parse_master_keys
from quotad.config.model import MasterKey

KEY = b64encode(b"topsecret" + b"k" * 23).decode()


@given(
    st.lists(
        st.tuples(st.from_regex(r"[A-Za-z0-9_-]{1,32}", fullmatch=True), st.binary(min_size=32, max_size=32)),
        min_size=1,
        max_size=4,
        unique_by=lambda pair: pair[0],
    ),
    st.sampled_from([",", "\n", "\n\n", " , ", "\r\n"]),
)
def test_keys_come_out_in_order(keys: list[tuple[str, bytes]], between: str) -> None:
    """Parted by commas or lines, with white space around them, all keys come out in the order given."""
    text = between.join(f"{key_id}:{b64encode(key).decode()}" for key_id, key in keys) + "\n"
    assert parse_master_keys(text) == tuple(MasterKey(key_id, key) for key_id, key in keys)


@pytest.mark.parametrize(
    "text",
    [
        *("", " \n,", KEY, f":{KEY}", f"a b:{KEY}", f"{'k' * 33}:{KEY}"),
        *(
            f"k1:{KEY[:-4]}",
            f"k1:{KEY}AAAA",
            "k1:",
            f"k1:{KEY[:-2]}*=",
            f"k1:{KEY},k1:{KEY}",
            f"k1:{KEY}\nk2",
        ),
    ],
)
def test_odd_keys(text: str) -> None:
    """No key, no id, an odd one or one twice, and a key of another length are refused; no key is shown."""
    with pytest.raises(ValueError) as caught:
        parse_master_keys(text)
    assert KEY[:8] not in str(caught.value)


def test_a_key_is_not_shown() -> None:
    """What is printed of a master key is its id."""
    (key,) = parse_master_keys(f"k1:{KEY}")
    assert "topsecret" not in repr(key)
    assert "k1" in repr(key)
