import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotad.core.limit_headers import _Form, limit_headers
from quotad.core.plans import Subject, UsagePlan
from quotad.core.quota import Answer, Limit
from quotad.core.verdict import Verdict

SUBJECT = Subject(UsagePlan("plan", "Plan"), "service", "release")
NOW_US = 1_795_000_000_000_001
HUGE = 2**53 - 1

UNLIMITED = Answer(
    status=0,
    now_us=NOW_US,
    granted=1,
    refused_by=0,
    held_only=0,
    retry_us=0,
    generation=1,
    day_end_us=NOW_US + 3_600_000_000,
    entry_granted=1,
    entry_at_once=1,
    previous_day_end_us=0,
    entry_previous_granted=0,
    entry_previous_at_once=0,
    rate_limit=-1,
    burst=-1,
    tokens=-1,
    full_us=0,
    day_limit=-1,
    day_charged=3,
    day_open=2,
    month_end_us=NOW_US + 7_200_000_000,
    month_limit=-1,
    month_charged=3,
    month_open=2,
    total_limit=-1,
    total_charged=3,
    total_open=2,
)


def told(answer: Answer | None, refused_by: Limit = Limit.NONE, place: int = 0) -> dict[str, str]:
    """Field name to value of what a caller with this answer is told."""
    verdict = Verdict(SUBJECT, refused_by is Limit.NONE, answer)
    verdict.limit, verdict.place = refused_by, place
    lines = limit_headers(verdict).decode("ascii").split("\r\n")
    assert lines.pop() == ""
    fields = dict(line.split(": ", 1) for line in lines)
    assert len(fields) == len(lines)
    return fields


def answer(**changes: int) -> Answer:
    """UNLIMITED with some limits."""
    return UNLIMITED._replace(**changes)


ALL = answer(
    rate_limit=10, burst=10, tokens=9, full_us=100_000, day_limit=100, month_limit=1000, total_limit=10_000
)


def test_nothing_to_tell() -> None:
    """Without a decision, or without any limit, there are no such headers."""
    assert told(None) == {}
    assert told(UNLIMITED) == {}


def test_all_limits() -> None:
    """One item per limit, in one order; the binding limit is the one with the smallest share left."""
    assert told(ALL) == {
        "RateLimit-Policy": '"rate";q=10;w=1, "day";q=100;w=86400, "month";q=1000;w=2678400, "total";q=10000',
        "RateLimit": '"rate";r=9;t=1, "day";r=95;t=3600, "month";r=995;t=7200, "total";r=9995',
        "X-RateLimit-Limit": "10",
        "X-RateLimit-Remaining": "9",
        "X-RateLimit-Reset": "1",
    }


@pytest.mark.parametrize(
    ("changes", "policy", "limit", "bound"),
    [
        (
            {"rate_limit": 5, "burst": 20, "tokens": 19, "full_us": 200_001},
            '"rate";q=5;w=1;quotad-burst=20',
            '"rate";r=19;t=1',
            ("20", "19", "1"),
        ),
        (
            {"rate_limit": 5, "burst": 20, "tokens": 0, "full_us": 4_000_001},
            '"rate";q=5;w=1;quotad-burst=20',
            '"rate";r=0;t=1',
            ("20", "0", "5"),
        ),
        ({"rate_limit": 0, "burst": 9, "tokens": 0}, '"rate";q=0;w=1', '"rate";r=0', ("0", "0", None)),
        ({"day_limit": 6}, '"day";q=6;w=86400', '"day";r=1;t=3600', ("6", "1", "3600")),
        ({"day_limit": 0}, '"day";q=0;w=86400', '"day";r=0;t=3600', ("0", "0", "3600")),
        ({"month_limit": 6}, '"month";q=6;w=2678400', '"month";r=1;t=7200', ("6", "1", "7200")),
        ({"total_limit": 6}, '"total";q=6', '"total";r=1', ("6", "1", None)),
        ({"total_limit": 4}, '"total";q=4', '"total";r=0', ("4", "0", None)),
    ],
)
def test_one_limit(
    changes: dict[str, int], policy: str, limit: str, bound: tuple[str, str, str | None]
) -> None:
    """An unlimited limit is not mentioned; one that never comes back has no reset; nothing is negative."""
    fields = told(answer(**changes))
    assert fields["RateLimit-Policy"] == policy
    assert fields["RateLimit"] == limit
    found = (fields["X-RateLimit-Limit"], fields["X-RateLimit-Remaining"], fields.get("X-RateLimit-Reset"))
    assert found == bound


def test_the_limit_that_refused_binds() -> None:
    """A refusal is explained by its own limit, even if another has a smaller share left."""
    fields = told(ALL._replace(tokens=0), Limit.DAY)
    assert (fields["X-RateLimit-Limit"], fields["X-RateLimit-Reset"]) == ("100", "3600")
    assert told(ALL._replace(tokens=0), Limit.RATE)["X-RateLimit-Limit"] == "10"
    assert told(ALL, Limit.MONTH)["X-RateLimit-Limit"] == "1000"
    assert told(ALL, Limit.TOTAL)["X-RateLimit-Limit"] == "10000"


def test_of_equal_shares_the_last_to_come_back_binds() -> None:
    """With the same share left of all, the total binds, then month, day, rate."""
    equal = ALL._replace(tokens=5, day_limit=10, month_limit=10, total_limit=10)
    assert "X-RateLimit-Reset" not in told(equal)
    assert told(equal._replace(total_limit=-1))["X-RateLimit-Reset"] == "7200"
    assert told(equal._replace(total_limit=-1, month_limit=-1))["X-RateLimit-Reset"] == "3600"


def test_earlier_requests_of_one_grant_see_what_was_left_then() -> None:
    """Of three admitted by one answer the first sees two units more than the last."""
    seen = [told(ALL, place=place)["RateLimit"].split(", ")[1] for place in (2, 1, 0)]
    assert seen == ['"day";r=97;t=3600', '"day";r=96;t=3600', '"day";r=95;t=3600']


def test_seconds_are_rounded_up() -> None:
    """A window that ends within the second ends in one second, one that ends a bit later in two."""
    assert told(answer(day_limit=9, day_end_us=NOW_US + 1))["RateLimit"].endswith("t=1")
    assert told(answer(day_limit=9, day_end_us=NOW_US + 1_000_000))["RateLimit"].endswith("t=1")
    assert told(answer(day_limit=9, day_end_us=NOW_US + 1_000_001))["RateLimit"].endswith("t=2")


def test_the_largest_quota_fits_a_structured_field() -> None:
    """Integers of RFC 9651 have 15 digits at most; a larger quota is told as the largest of them."""
    fields = told(answer(total_limit=HUGE, day_limit=HUGE))
    largest = "9" * 15
    assert fields["RateLimit-Policy"] == f'"day";q={largest};w=86400, "total";q={largest}'
    assert fields["RateLimit"] == f'"day";r={largest};t=3600, "total";r={largest}'
    assert fields["X-RateLimit-Remaining"] == largest


LIMITS = st.one_of(st.just(-1), st.just(0), st.integers(1, 20), st.integers(1, HUGE))


@given(
    rate=st.one_of(st.just(-1), st.integers(0, 30)),
    quotas=st.tuples(LIMITS, LIMITS, LIMITS),
    used=st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(-5, 40)),
    place=st.integers(0, 60),
    refused_by=st.sampled_from(Limit),
)
def test_remaining_stays_within_the_limit(
    rate: int, quotas: tuple[int, int, int], used: tuple[int, int, int], place: int, refused_by: Limit
) -> None:
    """Whatever limits, use and leased units, every number told is whole, in range and fits its limit."""
    day, month, total = quotas
    charged, held, tokens_used = used
    limits = {Limit.NONE: 0, Limit.RATE: rate, Limit.DAY: day, Limit.MONTH: month, Limit.TOTAL: total}
    if limits[refused_by] < 0:
        refused_by = Limit.NONE
    tokens = -1 if rate < 0 else rate - tokens_used
    fields = told(
        answer(
            rate_limit=rate, burst=rate, tokens=tokens,
            day_limit=day, month_limit=month, total_limit=total,
            day_charged=charged, month_charged=charged, total_charged=charged,
            day_open=held, month_open=held, total_open=held,
        ),
        refused_by,
        place,
    )  # fmt: skip
    if not fields:
        assert rate == day == month == total == -1
        return
    assert 0 <= int(fields["X-RateLimit-Remaining"]) <= int(fields["X-RateLimit-Limit"])
    told_limits = [int(item.split("q=")[1].split(";")[0]) for item in fields["RateLimit-Policy"].split(", ")]
    left = [int(item.split("r=")[1].split(";")[0]) for item in fields["RateLimit"].split(", ")]
    assert all(0 <= each <= limit for each, limit in zip(left, told_limits, strict=True))
    assert int(fields.get("X-RateLimit-Reset", 1)) >= 1
    names = [item.split(";")[0] for item in fields["RateLimit"].split(", ")]
    assert names == [item.split(";")[0] for item in fields["RateLimit-Policy"].split(", ")]


def test_a_soft_quota_is_marked_and_never_binds() -> None:
    """What is left of it and what is beyond it stand in its item; X-RateLimit tells of the hard limit."""
    fields = told(answer(rate_limit=10, burst=10, tokens=9, day_limit=-2 - 3, month_limit=100))
    assert fields["RateLimit-Policy"] == (
        '"rate";q=10;w=1, "day";q=3;w=86400;quotad-soft, "month";q=100;w=2678400'
    )
    assert fields["RateLimit"] == ('"rate";r=9;t=1, "day";r=0;t=3600;quotad-over=2, "month";r=95;t=7200')
    assert (fields["X-RateLimit-Limit"], fields["X-RateLimit-Remaining"]) == ("10", "9")


def test_only_soft_quotas() -> None:
    """Nothing can refuse, so nothing binds."""
    fields = told(answer(total_limit=-2 - 9), place=1)
    assert fields == {
        "RateLimit-Policy": '"total";q=9;quotad-soft',
        "RateLimit": '"total";r=5;quotad-over=0',
    }


def test_huge_soft_quotas_fit_a_structured_field() -> None:
    """Numbers beyond 15 digits are told as the largest that the syntax has."""
    fields = told(answer(day_limit=-HUGE, month_limit=-2, month_charged=HUGE // 2))
    assert fields["RateLimit-Policy"].startswith('"day";q=999999999999999;w=86400;quotad-soft, "month";q=0')
    assert fields["RateLimit"] == (
        '"day";r=999999999999999;t=3600;quotad-over=0, "month";r=0;t=7200;quotad-over=999999999999999'
    )


@given(
    st.lists(st.integers(0, 10**15 - 1), min_size=5, max_size=5),
    st.lists(st.integers(0, 4), min_size=2, max_size=6),
    st.tuples(st.integers(0, 86_400), st.integers(0, 31 * 86_400)),
)
def test_compiled_code_writes_the_same_bytes(
    numbers: list[int], picked: list[int], times: tuple[int, int]
) -> None:
    """Which of the numbers stand where, two at least, and how large they are, changes nothing."""
    form = _Form("begin <day>, " + "".join(f"{at}: %d; <month> " for at in picked) + "end", picked)
    form.write(*times)
    assert form.written(*numbers) == form.filled(tuple(numbers))
