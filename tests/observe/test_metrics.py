"""What is counted, and its text for Prometheus."""

from __future__ import annotations

import pytest

from openclaw.observe.metrics import MAX_SERIES, Metrics


def test_a_counter_counts_for_each_of_its_labels() -> None:
    metrics = Metrics()
    counter = metrics.counter("replies_total", "Replies.", ("status",))
    counter.inc("done")
    counter.inc("done", by=2)
    counter.inc("failed")
    assert 'replies_total{status="done"} 3\nreplies_total{status="failed"} 1\n' in metrics.render()


def test_a_histogram_is_cumulative_and_ends_with_infinity() -> None:
    metrics = Metrics()
    times = metrics.histogram("times", "Times.", ("route",), (1, 10))
    for value in (1, 5, 100):
        times.observe(value, "persistent")
    assert metrics.render().splitlines()[2:] == [
        'times_bucket{route="persistent",le="1"} 1',
        'times_bucket{route="persistent",le="10"} 2',
        'times_bucket{route="persistent",le="+Inf"} 3',
        'times_sum{route="persistent"} 106',
        'times_count{route="persistent"} 3',
    ]


def test_a_gauge_is_read_when_somebody_asks() -> None:
    metrics = Metrics()
    values = [1.5]
    metrics.gauge("waiting", "Waiting.", lambda: values[0])
    values[0] = 2.5
    assert metrics.render().splitlines()[-1] == "waiting 2.5"


def test_label_values_are_escaped() -> None:
    metrics = Metrics()
    metrics.counter("odd_total", "Odd.", ("name",)).inc('a"b\\c\nd')
    assert metrics.render().splitlines()[-1] == r'odd_total{name="a\"b\\c\nd"} 1'


def test_what_is_beyond_the_bound_counts_as_other() -> None:
    metrics = Metrics()
    counter = metrics.counter("many_total", "Many.", ("name",))
    for number in range(MAX_SERIES + 5):
        counter.inc(str(number))
    assert 'many_total{name="other"} 5' in metrics.render()


def test_a_name_is_used_once() -> None:
    metrics = Metrics()
    metrics.counter("twice_total", "Twice.")
    with pytest.raises(ValueError, match="exists already"):
        metrics.counter("twice_total", "Twice.")
