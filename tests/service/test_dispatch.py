"""Which agent takes a turn: Main's own, or a container for this turn alone."""

from __future__ import annotations

import pytest

from openclaw.agents.turn import Answer
from openclaw.service.dispatch import Dispatch
from tests.service.conftest import Crew


@pytest.fixture
def dispatch(crew: Crew) -> Dispatch:
    """Main's agent was not begun: what it is given it hands on, as to dedicated containers."""
    return Dispatch(crew.main, crew.dedicated)


def test_a_first_attempt_of_main_is_for_mains_agent(crew: Crew, dispatch: Dispatch) -> None:
    turn = crew.turn("a")
    dispatch.submit(turn)
    assert crew.overflow.get(timeout=10) is turn


@pytest.mark.parametrize(
    ("group", "attempt"), [("friends", 1), ("friends", 2), ("main", 2)], ids=["a group", "its second attempt", "Main's"]
)
def test_another_group_and_a_second_attempt_get_a_container_of_their_own(
    crew: Crew, dispatch: Dispatch, group: str, attempt: int
) -> None:
    dispatch.submit(crew.turn("a", group, attempt))
    spec = crew.engine.starts.get(timeout=10).spec
    assert (spec.role, spec.group, spec.message_id) == ("dedicated", group, "a")


def test_a_turn_is_cancelled_with_mains_agent_where_that_has_it(crew: Crew, dispatch: Dispatch) -> None:
    crew.main.begin()  # the container is being started: turns wait for it
    turn = crew.turn("a")
    dispatch.submit(turn)
    dispatch.cancel(turn)
    assert crew.next_end() == (turn, Answer.cancelled())


def test_and_with_the_dedicated_container_where_it_runs_there(crew: Crew, dispatch: Dispatch) -> None:
    turn = crew.turn("a", "friends")
    dispatch.submit(turn)
    start = crew.engine.starts.get(timeout=10)
    dispatch.cancel(turn)
    assert crew.next_end() == (turn, Answer.cancelled())
    assert crew.engine.removed.get(timeout=10) == start.spec.cid
