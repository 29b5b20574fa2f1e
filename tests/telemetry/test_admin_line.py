import json

from quotad.telemetry import admin_line
from quotad.telemetry.admin_line import AdminLineMaker, Ended

ENDED = Ended(
    request_id="r1",
    started_s=10.0,
    ended_s=10.5,
    client="192.0.2.1",
    method="POST",
    target="/v1/plans?search=a-secret",
    status=201,
    action="CreateUsagePlan",
    who="AKIDadmin",
    role="admin",
    means="signature",
)


def line(ended: Ended = ENDED) -> str:
    """Made where the wall clock is a million seconds ahead."""
    maker = AdminLineMaker(lambda: 1_000_010.0, lambda: 10.0)
    maker.begin()
    return maker.line(ended)


def test_a_line() -> None:
    """Every member in the order that the module names; when it ended, how long it took, and no query."""
    members = json.loads(line())
    assert members == {
        "time": "1970-01-12T13:46:50.500Z",
        "requestId": "r1",
        "client": "192.0.2.1",
        "method": "POST",
        "path": "/v1/plans",
        "status": 201,
        "action": "CreateUsagePlan",
        "who": "AKIDadmin",
        "role": "admin",
        "means": "signature",
        "durationUs": 500_000,
    }
    assert ", ".join(members) in " ".join((admin_line.__doc__ or "").replace("`", "").split())


def test_what_was_sent_cannot_break_a_line() -> None:
    """One line of ASCII, bounded, whatever stands in a name, a method or a path."""
    odd = 'a\n"\u2028\udcff' * 5_000
    text = line(
        Ended("r", 1.0, 2.0, odd[:50], odd, "/" + odd, 200, odd, odd, "read", "token"),
    )
    assert (text.count("\n"), text.isascii(), len(text) < 40_000) == (1, True, True)
    assert json.loads(text)["status"] == 200
