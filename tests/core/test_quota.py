from pathlib import Path

from quotad.core.quota import Answer, AnswerStatus, Limit, Usage

LUA = Path(__file__).parent.parent.parent / "lua"


def test_the_limits_come_back_in_this_order() -> None:
    """Of two limits the higher number comes back later."""
    assert Limit.NONE < Limit.RATE < Limit.DAY < Limit.MONTH < Limit.TOTAL


def test_words_and_scripts_name_the_same_numbers() -> None:
    """The Lua spells out the codes and the sizes of its replies; they are those of this module."""
    layout = (LUA / "layout.lua").read_text(encoding="utf-8")
    for status in AnswerStatus:
        assert f"local {status.name} = {int(status)}\n" in layout
    for limit in (Limit.RATE, Limit.DAY, Limit.MONTH, Limit.TOTAL):
        assert f"local BY_{limit.name} = {int(limit)}\n" in layout
    assert f"local ANSWER = '<{'l' * len(Answer._fields)}'\n" in layout
    assert f"local USAGE = '<{'i8' * len(Usage._fields)}'\n" in layout
