import json

from quotad.core.histogram import Histogram
from quotad.telemetry.figures import Figures


def figures(requests: int, lag_s: float, workers: int, *durations_s: float) -> Figures:
    """Numbers of each kind."""
    made = Figures()
    made.put("quotad_requests", requests, ("s", "release", "p", "2xx"))
    made.put_each("quotad_store_errors", {"oom": requests})
    made.put("quotad_event_loop_lag_seconds", lag_s)
    made.put("quotad_workers", workers)
    histogram = Histogram()
    for duration_s in durations_s:
        histogram.observe(duration_s)
    made.put_histogram("quotad_request_duration_seconds", histogram)
    return made


def test_two_processes_add_up() -> None:
    """Counters, levels and histograms are sums, a peak is the greater one; the summands stay."""
    one, other = figures(3, 0.5, 1, 0.25, 20.0), figures(4, 0.25, 2, 0.25)
    total = Figures()
    total.add(one)
    total.add(other)
    assert total.numbers["quotad_requests"] == {("s", "release", "p", "2xx"): 7}
    assert total.numbers["quotad_store_errors"] == {("oom",): 7}
    assert total.numbers["quotad_event_loop_lag_seconds"] == {(): 0.5}
    assert total.numbers["quotad_workers"] == {(): 3}
    histogram = total.histograms["quotad_request_duration_seconds"][()]
    assert (sum(histogram.counts), histogram.sum_s) == (3, 20.5)
    assert sum(one.histograms["quotad_request_duration_seconds"][()].counts) == 2
    assert one.numbers["quotad_requests"] == {("s", "release", "p", "2xx"): 3}


def test_series_that_only_one_has_stay() -> None:
    """A place that only one process served is in the sum."""
    one = Figures()
    one.put("quotad_requests", 1, ("a", "release", "p", "2xx"))
    one.add(figures(2, 0.0, 0))
    assert len(one.numbers["quotad_requests"]) == 2


def test_a_later_word_of_the_same_process_replaces_the_earlier() -> None:
    """What it names is new, the rest stays: it need not say all each time."""
    known = figures(3, 0.5, 1, 0.25)
    later = Figures()
    later.put("quotad_requests", 4, ("s", "release", "p", "2xx"))
    later.put("quotad_requests", 1, ("s", "release", "p", "4xx"))
    known.renew(later)
    assert known.numbers["quotad_requests"] == {
        ("s", "release", "p", "2xx"): 4,
        ("s", "release", "p", "4xx"): 1,
    }
    assert known.numbers["quotad_store_errors"] == {("oom",): 3}
    # What is always told whole is replaced whole: a backend that is gone is not shown for ever.
    later.put_each("quotad_store_errors", {"oom": 4})
    later.put_each("quotad_store_errors", {"loading": 1})
    known.renew(later)
    assert known.numbers["quotad_store_errors"] == {("loading",): 1}
    known.renew(figures(3, 0.125, 1, 0.25, 0.25))
    assert sum(known.histograms["quotad_request_duration_seconds"][()].counts) == 2
    assert known.numbers["quotad_event_loop_lag_seconds"] == {(): 0.125}


def test_of_the_dead_only_what_counts_stays() -> None:
    """An ended process keeps its counters and histograms, not its lag."""
    past = figures(3, 0.5, 1, 0.002).past()
    assert set(past.numbers) == {"quotad_requests", "quotad_store_errors"}
    assert set(past.histograms) == {"quotad_request_duration_seconds"}


def test_json_keeps_everything() -> None:
    """What was sent and read adds up to the same."""
    sent = figures(3, 0.5, 1, 0.002, 0.3)
    read = Figures.of_plain(json.loads(json.dumps(sent.plain())))
    assert read.numbers == sent.numbers
    assert read.plain() == sent.plain()
    read.add(sent)
    assert read.numbers["quotad_requests"] == {("s", "release", "p", "2xx"): 6}
