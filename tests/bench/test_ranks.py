"""Percentiles are numbers that were measured, by exact rank."""

from __future__ import annotations

import pytest

from openclaw.bench.ranks import median_ms, percentile, percentile_ms

HUNDRED = [float(number) for number in range(100, 0, -1)]


@pytest.mark.parametrize(("percent", "expected"), [(0, 1), (1, 1), (50, 50), (99, 99), (99.1, 100), (100, 100)])
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(percent: float, expected: float) -> None:
    assert percentile(HUNDRED, percent) == expected


def test_the_99th_percentile_of_a_few_is_the_largest() -> None:
    assert percentile([3.0, 1.0, 2.0], 99) == 3.0


def test_the_median_of_an_even_number_is_one_of_them() -> None:
    assert percentile([1.0, 2.0, 10.0, 20.0], 50) == 2.0


def test_of_nothing_there_is_no_percentile() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        percentile([], 50)


def test_seconds_are_told_in_milliseconds() -> None:
    assert median_ms([0.001, 0.002, 0.003]) == pytest.approx(2)
    assert percentile_ms([0.001, 0.002, 0.003], 99) == pytest.approx(3)
