"""The registry: what `openclaw bench` can be asked for."""

from __future__ import annotations

import re

import pytest

from openclaw.agents.slots import Slots
from openclaw.bench.figure import Figure, NotMeasured
from openclaw.bench.figures import FIGURES, alive, hundred_subagents, seed_table, spawn, thousand
from openclaw.containers.runtime import Found


def test_every_name_is_there_once() -> None:
    names = [figure.name for figure in FIGURES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_every_figure_has_a_name_for_the_command_line_says_what_it_is_and_names_its_target(figure: Figure) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", figure.name)
    assert figure.about.isprintable()
    assert figure.about
    assert figure.targets
    assert len({target.what for target in figure.targets}) == len(figure.targets)


def test_messages_answered_in_the_order_of_acceptance_are_without_fault() -> None:
    assert thousand.faults(["a", "b", "c"], ["b", "a", "c"], ["b", "a", "c"]) == 0


@pytest.mark.parametrize(
    "answered",
    [
        pytest.param(["a", "c"], id="lost"),
        pytest.param(["a", "b", "b", "c"], id="twice"),
        pytest.param(["b", "a", "c"], id="out of order"),
        pytest.param([], id="all lost"),
    ],
)
def test_a_reply_that_is_lost_comes_twice_or_comes_too_early_is_a_fault(answered: list[str]) -> None:
    assert thousand.faults(["a", "b", "c"], ["a", "b", "c"], answered) > 0


def test_a_message_that_was_never_accepted_is_lost() -> None:
    assert thousand.faults(["a", "b"], ["a"], ["a"]) == 1


def test_replies_to_messages_whose_acceptance_was_not_seen_prove_no_order() -> None:
    assert thousand.faults(["a", "b"], [], ["a", "b"]) > 0


def test_a_task_whose_two_files_were_seen_in_one_look_tells_no_time() -> None:
    assert spawn.told_apart([0.004, 0.0, 0.003]) == [0.004, 0.003]


def test_a_machine_that_looks_too_seldom_measures_no_tasks() -> None:
    with pytest.raises(NotMeasured, match="too busy"):
        spawn.told_apart([0.004, 0.0, 0.0])


def test_all_hundred_subagents_may_run_at_once() -> None:
    total, subagents = (int(hundred_subagents.SLOTS[name]) for name in ("MAX_CONCURRENT_CONTAINERS", "MAX_SUBAGENTS"))
    slots = Slots(total, subagents)
    for _ in range(hundred_subagents.COUNT):
        assert slots.free(subagent=True)
        slots.take(subagent=True)


def test_a_round_is_judged_by_what_the_engine_alone_and_the_model_take() -> None:
    assert hundred_subagents.Round(answered=18.0, cpu=1.0, bare=10.0).share(model=5.0) == pytest.approx(1.2)


def test_containers_that_serve_somebody_are_those_that_run_and_are_not_mains_own() -> None:
    def found(role: str, *, running: bool) -> Found:
        return Found("name", role, "crowd", "cid", "", "", running, None)

    listed = [found("main", running=True), found("dedicated", running=True), found("dedicated", running=False)]
    assert alive.serving(listed) == 1


def test_the_line_of_the_table_is_that_of_one_message_the_one_in_the_middle() -> None:
    def answered(seconds: float) -> seed_table.Answered:
        return seed_table.Answered(seconds, seed_table.Line(0, 0, seconds * 1000))

    assert seed_table.middle([answered(5.4), answered(5.2), answered(5.3)]) == answered(5.3)
    assert seed_table.middle([answered(5.4), answered(5.2)]) == answered(5.2)
