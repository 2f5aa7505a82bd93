"""A run measures what it can, and says what it could not."""

from __future__ import annotations

from http.client import BadStatusLine

import pytest

from openclaw.bench.bench import Bench
from openclaw.bench.figure import Figure, NotMeasured, Row, Target
from openclaw.bench.run import run

TARGET = Target("p50", 5, "ms")


def _figure(name: str, outcome: float | Exception, *, needs_engine: bool = False) -> Figure:
    def measure(_: Bench) -> list[Row]:
        if isinstance(outcome, Exception):
            raise outcome
        return [Row(TARGET, outcome)]

    return Figure(name, f"about {name}", (TARGET,), measure, needs_engine)


@pytest.mark.parametrize("error", [NotMeasured("no disk"), OSError(28, "no disk"), BadStatusLine("no disk")])
def test_a_figure_that_fails_is_said_and_keeps_no_other_from_being_measured(bench: Bench, error: Exception) -> None:
    said: list[str] = []
    report = run(bench, [_figure("first", error), _figure("second", 1.0)], said.append)
    first, second = report.results
    assert "no disk" in first.error
    assert second.rows == (Row(TARGET, 1.0),)
    assert not report.measured
    assert said[0] == "first: about first"
    assert said[1].startswith("first failed: ")
    assert "no disk" in said[1]
    assert said[2] == "second: about second"


def test_a_missed_target_is_a_measurement_all_the_same(bench: Bench) -> None:
    report = run(bench, [_figure("slow", 1000.0)], print)
    assert not report.results[0].rows[0].met
    assert report.measured


def test_what_needs_an_engine_is_left_out_without_one(bench: Bench) -> None:
    report = run(bench, [_figure("engine", 1.0, needs_engine=True), _figure("other", 1.0)], print)
    assert report.results[0].rows == ()
    assert report.results[0].skipped
    assert report.measured


def test_a_run_in_which_nothing_was_measured_is_none(bench: Bench) -> None:
    assert not run(bench, [_figure("engine", 1.0, needs_engine=True)], print).measured


def test_every_figure_has_a_folder_of_its_own_whose_files_stay_while_others_are_measured(bench: Bench) -> None:
    def measure(place: Bench) -> list[Row]:
        assert place.root == bench.root / "mine"
        (place.root / "file").write_text("left")
        return [Row(TARGET, 1.0)]

    assert run(bench, [Figure("mine", "about", (TARGET,), measure)], print).measured
    assert (bench.root / "mine/file").read_text() == "left"


def test_a_defect_of_the_benchmark_is_not_taken_for_a_slow_machine(bench: Bench) -> None:
    with pytest.raises(ZeroDivisionError):
        run(bench, [_figure("broken", ZeroDivisionError())], print)
