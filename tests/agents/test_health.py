"""The health check: one ping at a time, the next one after its answer, and two that stay out are the end."""

from __future__ import annotations

import pytest

from openclaw.agents.health import PATIENCE, RETRY, HealthCheck
from tests.support.clock import FakeClock, ManualTimers

INTERVAL = 30.0


class Patient:
    """A container whose pongs the test gives, or not; what its owner is told is in `told`."""

    def __init__(self, interval: float = INTERVAL) -> None:
        self.alarms = ManualTimers(FakeClock())
        self.pings: list[str] = []
        self.told: list[str] = []
        self.disk_full = False
        self.health = HealthCheck(
            interval,
            send=self._send,
            later=lambda delay, act, *args: self.alarms.call_later(delay, lambda: act(*args)),
            answered=lambda: self.told.append("answered"),
            missed=lambda hung: self.told.append("hung" if hung else "missed"),
        )

    def _send(self, ping_id: str) -> None:
        if self.disk_full:
            raise OSError(28, "No space left on device")
        self.pings.append(ping_id)

    def pong(self) -> None:
        self.health.pong(self.pings[-1])


@pytest.fixture
def patient() -> Patient:
    """One whose first ping is answered."""
    patient = Patient()
    patient.health.begin()
    patient.pong()
    return patient


def test_how_long_the_first_pong_takes_is_not_judged_here() -> None:
    patient = Patient()
    patient.health.begin()
    assert patient.alarms.delays() == []
    patient.pong()
    assert patient.told == ["answered"]


def test_the_next_ping_follows_an_interval_after_the_answer(patient: Patient) -> None:
    assert len(patient.pings) == 1
    patient.alarms.advance(INTERVAL)
    assert len(patient.pings) == 2
    patient.pong()
    assert patient.told == ["answered", "answered"]


def test_an_answered_ping_leaves_nothing_to_wake_up_for_but_the_next_one(patient: Patient) -> None:
    patient.alarms.advance(INTERVAL)
    assert patient.alarms.delays() == [PATIENCE]
    patient.pong()
    assert patient.alarms.delays() == [INTERVAL, INTERVAL + PATIENCE], "and for the end of that one's time"


def test_the_second_unanswered_ping_in_a_row_makes_a_container_hung(patient: Patient) -> None:
    patient.alarms.advance(INTERVAL)
    patient.alarms.advance(PATIENCE)
    assert patient.told[1:] == ["missed"]
    assert len(patient.pings) == 3, "the second one at once"
    patient.alarms.advance(PATIENCE)
    assert patient.told[1:] == ["missed", "hung"]
    assert patient.alarms.delays() == []


def test_an_answer_in_between_makes_it_well_again(patient: Patient) -> None:
    patient.alarms.advance(INTERVAL + PATIENCE)
    patient.pong()
    patient.alarms.advance(INTERVAL + PATIENCE)
    assert patient.told[1:] == ["missed", "answered", "missed"]


def test_a_pong_to_an_older_ping_counts_for_nothing(patient: Patient) -> None:
    patient.alarms.advance(INTERVAL + PATIENCE)
    patient.health.pong(patient.pings[1])
    assert patient.told[1:] == ["missed"]


def test_with_a_short_interval_a_pong_is_waited_for_no_longer_than_that() -> None:
    assert Patient(interval=0.3).health.patience == 0.3


def test_a_ping_that_the_disk_does_not_take_says_nothing_of_the_container(patient: Patient) -> None:
    patient.disk_full = True
    patient.alarms.advance(INTERVAL)
    patient.alarms.advance(PATIENCE)
    assert patient.told[1:] == []
    patient.disk_full = False
    patient.alarms.advance(RETRY)
    patient.pong()
    assert patient.told[1:] == ["answered"]


def test_stopped_it_sends_and_judges_nothing(patient: Patient) -> None:
    patient.alarms.advance(INTERVAL)
    patient.health.stop()
    patient.pong()
    patient.alarms.advance(10 * INTERVAL)
    patient.health.begin()
    assert patient.told == ["answered"]
    assert len(patient.pings) == 2
