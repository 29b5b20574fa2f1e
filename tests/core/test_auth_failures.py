import pytest

from quotad.core.auth_failures import AuthFailures


def test_a_burst_then_so_many_a_minute() -> None:
    """Failures at once up to the burst; then one for each that has come back, told in whole seconds."""
    failures = AuthFailures(per_minute=6, burst=3)
    for _ in range(3):
        assert failures.wait_s("192.0.2.1", 100.0) == 0
        failures.failed("192.0.2.1", 100.0)
    assert failures.wait_s("192.0.2.1", 100.0) == 10
    assert failures.wait_s("192.0.2.1", 109.5) == 1
    assert failures.wait_s("192.0.2.1", 110.0) == 0
    failures.failed("192.0.2.1", 110.0)
    assert failures.wait_s("192.0.2.1", 110.0) == 10
    assert failures.wait_s("192.0.2.1", 10_000.0) == 0


def test_nobody_else_is_slowed() -> None:
    """Each address has its own bucket; IPv6 addresses of one /64 share theirs, which one host has whole."""
    failures = AuthFailures(per_minute=1, burst=1)
    failures.failed("192.0.2.1", 0.0)
    failures.failed("2001:db8::1", 0.0)
    assert failures.wait_s("192.0.2.1", 0.0) == 60
    assert failures.wait_s("192.0.2.2", 0.0) == 0
    assert failures.wait_s("2001:db8::ffff", 0.0) == 60
    assert failures.wait_s("2001:db8:0:1::1", 0.0) == 0
    assert failures.wait_s("", 0.0) == 0


@pytest.mark.parametrize("count", [5, 1000])
def test_the_table_is_bounded(count: int) -> None:
    """However many addresses fail, so many are remembered: those that failed last."""
    failures = AuthFailures(per_minute=1, burst=1, most=4)
    for number in range(count):
        failures.failed(f"address {number}", 0.0)
        failures.failed("always", 0.0)
    assert len(failures) == 4
    assert failures.wait_s("always", 0.0) > 0
    assert failures.wait_s("address 0", 0.0) == 0
    assert failures.wait_s(f"address {count - 1}", 0.0) == 60
