"""A directory in which too much happens is not heard for a while, longer each time, until it is calm."""

from __future__ import annotations

from openclaw.spool.rush import FIRST_REST, LONGEST_REST, MOST, SPAN, Rush


def changes(rush: Rush, count: int, now: float) -> float:
    """So many changes at once: the last answer."""
    rest = 0.0
    for _ in range(count):
        rest = rush.change(now)
    return rest


def test_as_much_as_honest_containers_do_is_heard() -> None:
    rush = Rush()

    assert [changes(rush, MOST, now) for now in (0.0, 1.5, 3.0)] == [0.0] * 3


def test_one_more_is_not_heard_for_a_while() -> None:
    assert changes(Rush(), MOST + 1, 0.0) == FIRST_REST


def test_the_while_doubles_each_time_up_to_a_bound() -> None:
    rush, now, rests = Rush(), 0.0, []
    for _ in range(7):
        rests.append(changes(rush, MOST + 1, now))
        now += rests[-1] + SPAN + 0.1

    assert rests == [0.5, 1.0, 2.0, 4.0, 8.0, LONGEST_REST, LONGEST_REST]


def test_one_change_after_each_rest_does_not_pass_for_calm() -> None:
    rush, now, rests = Rush(), 0.0, []
    for _ in range(6):
        rests.append(changes(rush, MOST + 1, now))
        now += rests[-1] + 0.01
        changes(rush, 1, now)
        now += SPAN + 0.01

    assert rests == [0.5, 1.0, 2.0, 4.0, 8.0, LONGEST_REST]


def test_a_calm_while_is_a_new_beginning() -> None:
    rush = Rush()
    changes(rush, MOST + 1, 0.0)
    changes(rush, 1, 10.0)
    changes(rush, 1, 20.0)

    assert changes(rush, MOST + 1, 30.0) == FIRST_REST
