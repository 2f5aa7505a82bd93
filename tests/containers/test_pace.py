"""So much may be ahead of the owner, in number and in bytes, and a turn more allows some more."""

from __future__ import annotations

from openclaw.containers.pace import AHEAD, AHEAD_PER_TURN, BYTES_AHEAD, Pace


def test_it_is_enough_at_so_many_for_the_turns_in_flight() -> None:
    pace = Pace()
    limit = AHEAD + 3 * AHEAD_PER_TURN
    assert not any(pace.handed_over(1, 3) for _ in range(limit - 1))
    assert not pace.paused()
    assert pace.handed_over(1, 3)
    assert pace.paused()


def test_it_is_enough_at_so_many_bytes() -> None:
    pace = Pace()
    assert not pace.handed_over(BYTES_AHEAD - 1, 1)
    assert pace.handed_over(1, 1)


def test_the_count_begins_anew_when_all_is_handled() -> None:
    pace = Pace()
    pace.handed_over(BYTES_AHEAD, 1)
    pace.go_on()
    assert not pace.paused()
    assert not any(pace.handed_over(1, 0) for _ in range(AHEAD - 1))
