"""Who is next: by priority, then by turns between sessions, then in the order of acceptance."""

from __future__ import annotations

import pytest

from openclaw.agents.fair_queue import FairQueue
from openclaw.agents.turn import Turn
from openclaw.message import Message, Priority


def _turn(turn_id: str, seq: int, session: str = "default", priority: Priority = "normal") -> Turn:
    return Turn(Message("hello", id=turn_id, session=session, priority=priority), seq, 0.0, 0.0)


def _drained(queue: FairQueue) -> list[str]:
    return [queue.pop().id for _ in range(len(queue))]


def test_one_session_is_served_in_the_order_of_acceptance() -> None:
    queue = FairQueue()
    for number in range(3):
        queue.push(_turn(f"a{number}", number))
    assert _drained(queue) == ["a0", "a1", "a2"]


def test_sessions_take_turns_however_much_one_of_them_queues() -> None:
    queue = FairQueue()
    for number in range(4):
        queue.push(_turn(f"many{number}", number, "many"))
    queue.push(_turn("few0", 4, "few"))
    queue.push(_turn("few1", 5, "few"))
    assert _drained(queue) == ["many0", "few0", "many1", "few1", "many2", "many3"]


def test_a_higher_priority_goes_first() -> None:
    queue = FairQueue()
    queue.push(_turn("low", 1, priority="low"))
    queue.push(_turn("normal", 2))
    queue.push(_turn("high", 3, priority="high"))
    assert _drained(queue) == ["high", "normal", "low"]


def test_one_that_comes_back_is_ahead_of_what_was_accepted_after_it() -> None:
    queue = FairQueue()
    first, second = _turn("first", 1), _turn("second", 2)
    queue.push(first)
    queue.push(second)
    queue.push(queue.pop())
    assert _drained(queue) == ["first", "second"]


def test_the_place_is_the_number_of_those_that_begin_before() -> None:
    queue = FairQueue()
    turns = [_turn("a0", 0, "a"), _turn("a1", 1, "a"), _turn("b0", 2, "b"), _turn("high", 3, "c", "high")]
    for turn in turns:
        queue.push(turn)
    assert [queue.place(turn) for turn in turns] == [2, 4, 3, 1]
    order = _drained(queue)
    assert order == ["high", "a0", "b0", "a1"]
    assert queue.place(turns[0]) == 0


def test_what_is_taken_out_leaves_no_gap() -> None:
    queue = FairQueue()
    for number in range(3):
        queue.push(_turn(f"a{number}", number))
    taken = queue.take("a1")
    assert taken is not None
    assert taken.id == "a1"
    assert queue.take("a1") is None
    assert _drained(queue) == ["a0", "a2"]


def test_an_empty_queue_says_so() -> None:
    with pytest.raises(IndexError):
        FairQueue().pop()
