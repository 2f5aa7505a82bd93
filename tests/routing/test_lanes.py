"""Turns of one session run one after another, those of different sessions side by side."""

from __future__ import annotations

from openclaw.agents.turn import Turn
from openclaw.message import Message
from openclaw.routing.lanes import Lanes


def _turn(seq: int, session: str = "default") -> Turn:
    return Turn(Message("hello", id=f"m{seq}", session=session), seq, 0.0, 0.0)


def test_the_first_of_a_session_runs_at_once_and_the_next_when_it_has_left() -> None:
    lanes = Lanes()
    first, second = _turn(1), _turn(2)
    assert lanes.join(first)
    assert not lanes.join(second)
    assert lanes.leave(first) is second


def test_each_knows_how_many_of_its_session_come_before_it() -> None:
    lanes = Lanes()
    first, second, other = _turn(1), _turn(2), _turn(3, "b")
    for turn in (first, second, other):
        lanes.join(turn)
    assert [lanes.ahead(turn) for turn in (first, second, other, _turn(4))] == [0, 1, 0, 0]
    lanes.leave(first)
    assert lanes.ahead(second) == 0


def test_sessions_do_not_wait_for_each_other() -> None:
    lanes = Lanes()
    assert lanes.join(_turn(1, "a"))
    assert lanes.join(_turn(2, "b"))


def test_one_that_leaves_from_the_middle_lets_nobody_run() -> None:
    lanes = Lanes()
    first, second, third = _turn(1), _turn(2), _turn(3)
    for turn in (first, second, third):
        lanes.join(turn)
    assert lanes.leave(second) is None
    assert lanes.leave(first) is third


def test_an_empty_lane_takes_no_memory() -> None:
    lanes = Lanes()
    turn = _turn(1)
    lanes.join(turn)
    assert lanes.leave(turn) is None
    assert len(lanes) == 0


def test_a_turn_that_runs_already_is_put_ahead_of_its_lane() -> None:
    lanes = Lanes()
    waiting, running = _turn(1), _turn(2)
    lanes.join(waiting)
    lanes.join(running)
    lanes.put_first(running)
    assert lanes.firsts() == [running]
