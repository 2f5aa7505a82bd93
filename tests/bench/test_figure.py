"""Targets judge numbers, and numbers are told with three digits that count."""

from __future__ import annotations

import pytest

from openclaw.bench.figure import Beside, Figure, Row, Target, quantity


def test_at_most_is_met_up_to_the_limit() -> None:
    target = Target("p50", 5, "ms")
    assert [target.met(number) for number in (4.9, 5, 5.1)] == [True, True, False]


def test_at_least_is_met_from_the_limit_on() -> None:
    target = Target("share", 0.7, "×", at_least=True)
    assert [target.met(number) for number in (0.69, 0.7, 1.1)] == [False, True, True]


def test_a_row_is_met_where_its_number_meets_its_target() -> None:
    assert Row(Target("p50", 5, "ms"), 4).met
    assert not Row(Target("p50", 5, "ms"), 6).met


@pytest.mark.parametrize(
    ("number", "unit", "expected"),
    [
        (2.9349, "ms", "2.93 ms"),
        (0.01844, "s/min", "0.0184 s/min"),
        (248.6, "ms", "249 ms"),
        (12345.6, "/s", "12,346/s"),
        (0.9, "×", "0.9×"),
        (0, "replies", "0 replies"),
    ],
)
def test_a_quantity_has_three_digits_that_count(number: float, unit: str, expected: str) -> None:
    assert quantity(number, unit) == expected


def test_a_figure_tells_all_its_targets_in_one_line() -> None:
    targets = (Target("p50", 5, "ms"), Target("share", 0.7, "×", at_least=True))
    assert Figure("reply", "a reply", targets, lambda _: []).target == "p50 ≤ 5 ms, share ≥ 0.7×"


def test_what_is_measured_beside_is_told_with_its_name() -> None:
    assert str(Beside("floor", 0.4, "ms")) == "floor 0.4 ms"
