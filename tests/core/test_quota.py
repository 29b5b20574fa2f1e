from pathlib import Path

from quotad.core.quota import Answer, AnswerStatus, Limit, Usage

LUA = Path(__file__).parent.parent.parent / "lua"


def test_the_limits_come_back_in_this_order() -> None:
    """Of two limits the higher number comes back later."""
    assert Limit.NONE < Limit.RATE < Limit.DAY < Limit.MONTH < Limit.TOTAL


def test_words_and_scripts_name_the_same_numbers() -> None:
    """The Lua spells out the codes and the sizes of its replies; they are those of this module."""
    batch, decide = (LUA / "batch.lua").read_text(), (LUA / "decide.lua").read_text()
    statuses = ", ".join(map(str, map(int, AnswerStatus)))
    assert f"local DECIDED, WINDOWS_UNFIT, NUMBER_STALE = {statuses}" in batch
    assert "local RATE, DAY, MONTH, TOTAL_LIMIT = 1, 2, 3, 4" in decide
    assert (Limit.RATE, Limit.DAY, Limit.MONTH, Limit.TOTAL) == (1, 2, 3, 4)
    assert batch.count("i8") == len(Answer._fields)
    assert (LUA / "usage.lua").read_text().count("i8") == len(Usage._fields)
