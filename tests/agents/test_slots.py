"""How many containers at once, and what subagents may not take."""

from __future__ import annotations

import pytest

from openclaw.agents.slots import Slots


def _fill(slots: Slots, *, subagent: bool) -> int:
    taken = 0
    while slots.free(subagent=subagent):
        slots.take(subagent=subagent)
        taken += 1
    return taken


@pytest.mark.parametrize(
    ("total", "limit", "subagents"), [(100, 100, 90), (100, 20, 20), (10, 10, 9), (2, 2, 1), (1, 1, 1), (5, 0, 0)]
)
def test_a_flood_of_subagents_leaves_room_for_people(total: int, limit: int, subagents: int) -> None:
    slots = Slots(total, limit)
    assert _fill(slots, subagent=True) == subagents
    assert _fill(slots, subagent=False) == total - subagents
    assert not slots.free(subagent=True)


def test_people_may_take_every_slot() -> None:
    slots = Slots(10, 10)
    assert _fill(slots, subagent=False) == 10
    assert not slots.free(subagent=True)


def test_a_slot_that_is_given_back_is_free_for_its_kind() -> None:
    slots = Slots(10, 3)
    assert _fill(slots, subagent=True) == 3
    slots.give_back(subagent=True)
    assert slots.free(subagent=True)
