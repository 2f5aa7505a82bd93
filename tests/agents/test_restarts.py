"""When a crashed container is started again, and when it is given up."""

from __future__ import annotations

from openclaw.agents.restarts import Restarts


def test_three_restarts_come_after_1_2_and_4_seconds_and_the_fourth_crash_is_one_too_many() -> None:
    restarts = Restarts(3, 600)
    assert [restarts.crashed() for _ in range(4)] == [1.0, 2.0, 4.0, None]


def test_a_mere_start_does_not_clear_the_count_but_a_stretch_of_health_does() -> None:
    restarts = Restarts(3, 600)
    restarts.crashed()
    restarts.healthy(1000)
    restarts.healthy(1599)
    assert restarts.crashes == 1
    restarts.healthy(1600)
    assert restarts.crashes == 0


def test_an_unanswered_check_begins_the_stretch_anew() -> None:
    restarts = Restarts(3, 600)
    restarts.crashed()
    restarts.healthy(1000)
    restarts.doubtful()
    restarts.healthy(1600)
    assert restarts.crashes == 1


def test_on_probation_the_next_crash_is_one_too_many() -> None:
    restarts = Restarts(3, 600)
    restarts.on_probation()
    assert restarts.crashed() is None
