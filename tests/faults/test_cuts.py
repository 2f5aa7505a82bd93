"""kill -9 of the service at any call between a message and the end of its turn, and again while the restart recovers.

An ordinary run takes a few cuts, spread over all of them; OPENCLAW_FAULTS=long (`make faults`) takes every one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path

import pytest

from tests.faults import cuts
from tests.faults.cuts import Cut
from tests.faults.living import LivingRound
from tests.faults.round import Round

Rounds = Mapping[Cut, Future[str]]
Record = Callable[[str, object], None]


@pytest.mark.parametrize("cut", cuts.rounds(), ids=str)
def test_a_kill_at_any_call_loses_nothing_and_answers_nothing_twice(
    cut: Cut, rounds: Rounds, record_property: Record
) -> None:
    record_property("died at", rounds[cut].result(timeout=600))


@pytest.mark.parametrize("cut", cuts.restarts(), ids=str)
def test_a_second_kill_while_the_restart_recovers_changes_nothing_of_that(
    cut: Cut, rounds: Rounds, record_property: Record
) -> None:
    record_property("died at", rounds[cut].result(timeout=600))


@pytest.mark.parametrize("cut", cuts.living(), ids=str)
def test_a_kill_while_the_containers_live_on_changes_nothing_of_that(
    cut: Cut, rounds: Rounds, record_property: Record
) -> None:
    record_property("died at", rounds[cut].result(timeout=600))


@pytest.mark.parametrize(
    ("cut", "cut_calls"),
    [
        (Cut(cuts.NEVER, "after"), cuts.CALLS),
        (Cut(cuts.BEGUN, "after", (cuts.NEVER, "after")), cuts.RESTART_CALLS),
        (Cut(cuts.NEVER, "after", living=True), cuts.LIVING_CALLS),
        (Cut(cuts.BEGUN, "after", (cuts.NEVER, "after"), living=True), cuts.LIVING_RESTART_CALLS),
    ],
    ids=str,
)
def test_the_cuts_reach_to_the_end(cut: Cut, cut_calls: int, tmp_path: Path) -> None:
    calls = (LivingRound if cut.living else Round)(tmp_path, cut).play().calls()

    assert 0.6 * cut_calls < len(calls) <= cut_calls
