"""The engine's health: starts that return, not lists that answer."""

from __future__ import annotations

import pytest

from openclaw.containers.health import MAX_OVERDUE, EngineHealth
from tests.support.clock import FakeClock


def test_a_healthy_engine_has_no_delay() -> None:
    assert EngineHealth(FakeClock()).delay() == 0


def test_two_overdue_starts_are_put_up_with_and_the_third_is_one_too_many() -> None:
    health = EngineHealth(FakeClock())
    for _ in range(MAX_OVERDUE - 1):
        health.overdue()
    assert health.delay() == 0

    health.overdue()

    assert health.delay() == 0.5


def test_the_delay_doubles_up_to_five_seconds_and_runs_out() -> None:
    clock = FakeClock()
    health = EngineHealth(clock)
    delays = []
    for _ in range(6):
        health.unavailable("no engine answers")
        delays.append(health.delay())
        clock.advance(delays[-1])
        assert health.delay() == 0, "a start may be tried"
    assert delays == [0.5, 1, 2, 4, 5, 5]


def test_a_start_that_returns_clears_it() -> None:
    health = EngineHealth(FakeClock())
    for _ in range(MAX_OVERDUE):
        health.overdue()

    health.started()

    assert health.delay() == 0


def test_an_engine_that_lists_but_does_not_start_stays_unhealthy() -> None:
    health = EngineHealth(FakeClock())
    for _ in range(MAX_OVERDUE):
        health.overdue()

    health.reached()

    assert health.delay() > 0


def test_the_advice_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    health = EngineHealth(FakeClock())
    for _ in range(MAX_OVERDUE * 3):
        health.overdue()

    assert [record.getMessage() for record in caplog.records if "systemctl restart docker" in record.getMessage()] == [
        "The engine has not returned from 3 starts: restart it with `systemctl restart docker` "
        "(without systemd: end dockerd and start it again)"
    ]
