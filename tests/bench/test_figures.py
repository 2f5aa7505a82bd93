"""The registry: what `openclaw bench` can be asked for."""

from __future__ import annotations

import re

import pytest

from openclaw.bench.figure import Figure
from openclaw.bench.figures import FIGURES, thousand


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
