from quotad.store.stats import StoreStats


def test_calls_are_counted_with_their_duration() -> None:
    """Each script has its histogram; calls and Subjects are summed over all."""
    stats = StoreStats(("reserve", "usage"))
    stats.answered("reserve", 16, 0.0002)
    stats.answered("usage", 1, 4.0)
    assert (stats.calls, stats.subjects) == (2, 17)
    assert stats.durations["reserve"].sum_s == 0.0002
    assert sum(stats.durations["reserve"].counts) == sum(stats.durations["usage"].counts) == 1


def test_failures_are_counted_by_kind() -> None:
    """Every kind has its own number."""
    stats = StoreStats(())
    for kind in ("late", "readonly", "late"):
        stats.failed(kind)
    assert stats.errors == {"late": 2, "readonly": 1}
