"""Who is next: people before subagents, each within the slots that there are for it."""

from __future__ import annotations

import itertools

from openclaw.agents.slots import Slots
from openclaw.agents.turn import Turn
from openclaw.agents.waiting_line import WaitingLine
from openclaw.message import Message

_numbers = itertools.count()


def turn(turn_id: str) -> Turn:
    return Turn(Message("hello", id=turn_id), next(_numbers), 0, 0)


def line(total: int = 2, subagents: int = 2) -> WaitingLine:
    return WaitingLine(Slots(total, subagents))


def test_people_come_before_subagents_though_they_came_later() -> None:
    waiting = line()
    subagent, person = turn("p.s1"), turn("a")
    waiting.push(subagent)
    waiting.push(person)
    assert waiting.lengths() == (1, 1)
    assert waiting.next() is person
    assert waiting.next() is subagent
    assert waiting.next() is None
    assert waiting.lengths() == (0, 0)


def test_without_a_slot_nobody_is_next_and_a_subagent_leaves_one_to_people() -> None:
    waiting = line()
    subagent, person = turn("p.s1"), turn("a")
    waiting.push(subagent)
    waiting.slots.take(subagent=True)
    assert waiting.next() is None
    waiting.push(person)
    assert waiting.next() is person
    waiting.slots.take(subagent=False)
    waiting.push(turn("b"))
    assert waiting.next() is None
    waiting.slots.give_back(subagent=True)
    assert waiting.next() is not None


def test_a_turn_is_taken_out_wherever_it_waits_and_knows_its_place_among_its_kind() -> None:
    waiting = line()
    turns = [turn("a"), turn("p.s1"), turn("q.s1")]
    for one in turns:
        waiting.push(one)
    assert [waiting.place(one) for one in turns] == [1, 1, 2]
    assert waiting.take("p.s1") is turns[1]
    assert waiting.take("p.s1") is None
    assert [waiting.place(one) for one in turns] == [1, 0, 1]
