"""The limit headers, as quotad writes them, in the way of a web handler: a dict of strings."""

from bench.plan import POLICY
from quotad.core.quota import Answer


def limit_headers(answer: Answer) -> dict[str, str]:
    """Headers for an answer whose limits are all set."""
    rate = (answer.burst, answer.tokens, _seconds(answer.full_us))
    day_left = answer.day_limit - answer.day_charged - answer.day_open
    day = (answer.day_limit, max(0, day_left), _seconds(answer.day_end_us - answer.now_us))
    month_left = answer.month_limit - answer.month_charged - answer.month_open
    month = (answer.month_limit, max(0, month_left), _seconds(answer.month_end_us - answer.now_us))
    total_left = max(0, answer.total_limit - answer.total_charged - answer.total_open)
    total = (answer.total_limit, total_left, 0)
    limit, left, reset = min((total, month, day, rate), key=lambda item: item[1] / item[0])
    told = {
        "RateLimit-Policy": POLICY,
        "RateLimit": f'"rate";r={rate[1]};t=1, "day";r={day[1]};t={day[2]}, '
        f'"month";r={month[1]};t={month[2]}, "total";r={total_left}',
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(left),
    }
    if reset:
        told["X-RateLimit-Reset"] = str(reset)
    return told


def _seconds(microseconds: int) -> int:
    return max(1, -(-microseconds // 1_000_000))
