"""A turn has so many calls open and no more; the others are remembered by number, in the order in which they came."""

from __future__ import annotations

from openclaw.containers.open_calls import MAX_OPEN, OpenCalls
from openclaw.message import FrameName


def call(number: int, turn_id: str = "m1") -> FrameName:
    return FrameName("call", turn_id, number)


def full() -> OpenCalls:
    calls = OpenCalls()
    assert all(calls.admit(call(number)) for number in range(1, MAX_OPEN + 1))
    return calls


def test_a_call_is_admitted_once_until_it_is_closed() -> None:
    calls = OpenCalls()
    assert calls.admit(call(1))
    assert call(1) in calls
    assert not calls.admit(call(1))
    assert calls.close(call(1)) is None
    assert call(1) not in calls


def test_one_too_many_waits_and_each_that_is_closed_names_the_one_that_came_first() -> None:
    calls = full()
    assert not calls.admit(call(4000))
    assert not calls.admit(call(3000))
    assert not calls.admit(call(4000))  # seen again: it keeps its place
    assert call(4000) not in calls

    assert calls.close(call(7)) == call(4000)
    assert calls.admit(call(4000))
    assert calls.close(call(8)) == call(3000)


def test_other_turns_are_not_held_up() -> None:
    calls = full()
    assert not calls.admit(call(1000))
    assert calls.admit(call(1, "m2"))


def test_the_end_of_a_turn_takes_those_that_wait_with_it() -> None:
    calls = full()
    calls.admit(call(1000))
    calls.admit(call(1, "m2"))
    assert {taken.number for taken in calls.take("m1")} == {*range(1, MAX_OPEN + 1), 1000}
    assert calls.take("m1") == []
    assert calls.close(call(1)) is None
    assert call(1, "m2") in calls
