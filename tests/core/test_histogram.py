import pytest

from quotad.core.histogram import BOUNDS_S, Histogram


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(0.0, 0), (0.0001, 0), (0.00010001, 1), (29.9, len(BOUNDS_S) - 1), (30.1, len(BOUNDS_S)), (-1.0, 0)],
)
def test_an_upper_edge_belongs_to_its_bucket(seconds: float, bucket: int) -> None:
    """A duration is counted once, in the first bucket whose edge it does not pass."""
    histogram = Histogram()
    histogram.observe(seconds)
    assert [index for index, count in enumerate(histogram.counts) if count] == [bucket]
    assert histogram.sum_s == seconds


def test_cumulative_buckets_end_with_everything() -> None:
    """Buckets grow, and the last one, +Inf, has all."""
    histogram = Histogram((0.1, 1.0))
    for seconds in (0.05, 0.5, 0.5, 7.0):
        histogram.observe(seconds)
    assert histogram.cumulative() == [("0.1", 1.0), ("1.0", 3.0), ("+Inf", 4.0)]
    assert histogram.sum_s == pytest.approx(8.05)


def test_bounds_rise() -> None:
    """The default edges are in order, as the search for a bucket needs them."""
    assert list(BOUNDS_S) == sorted(set(BOUNDS_S))


def test_many_durations_are_counted_as_few_are() -> None:
    """What is counted in one go, and what waits for it, is the same as if each were counted alone."""
    histogram = Histogram((0.1, 1.0))
    for number in range(2000):
        histogram.observe(number / 1000)
    assert histogram.counts == [101, 900, 999]
    assert histogram.sum_s == pytest.approx(1999.0)
    histogram.observe(0.5)
    assert histogram.counts == [101, 901, 999]


def test_another_processs_counts_are_taken_over() -> None:
    """Its counts and sum go on from there, and its own list stays as it is."""
    counts = [1] * (len(BOUNDS_S) + 1)
    histogram = Histogram.of(counts, 2.5)
    histogram.observe(0.0)
    assert (histogram.counts[0], sum(histogram.counts), histogram.sum_s) == (2, len(counts) + 1, 2.5)
    assert counts[0] == 1
