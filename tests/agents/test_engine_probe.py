"""An engine that does not take starts: tried again one start at a time, and only while somebody waits for it."""

from __future__ import annotations

import pytest

from openclaw.agents.engine_probe import RETRY, EngineProbe
from tests.support.clock import FakeClock, ManualTimers


class Engine:
    """How often it was tried, and how long the runtime wants to wait."""

    def __init__(self) -> None:
        self.alarms = ManualTimers(FakeClock())
        self.delay = 0.0
        self.attempts = 0
        self.probe = EngineProbe(later=self.alarms.call_later, start_delay=lambda: self.delay, attempt=self._attempt)

    def _attempt(self) -> None:
        self.attempts += 1


@pytest.fixture
def engine() -> Engine:
    return Engine()


def test_an_engine_that_takes_starts_is_not_tried(engine: Engine) -> None:
    engine.probe.wanted()
    assert engine.alarms.delays() == []
    assert not engine.probe.down


def test_one_that_did_not_take_a_start_is_tried_once_after_what_the_runtime_asks_for(engine: Engine) -> None:
    engine.delay = 4.0
    for _ in range(5):
        engine.probe.lost()
        engine.probe.wanted()
    assert engine.probe.down
    assert engine.alarms.delays() == [4.0]
    engine.alarms.advance(4.0)
    assert engine.attempts == 1
    assert engine.alarms.delays() == [], "with nobody who wants a container it is left alone"


def test_where_the_runtime_tells_when_it_is_back_nothing_is_tried(engine: Engine) -> None:
    engine.probe.lost(told=True)
    engine.probe.wanted()
    assert engine.alarms.delays() == []
    assert engine.probe.back() is True
    engine.probe.lost()
    assert engine.alarms.delays() == [RETRY]


def test_who_wants_a_container_has_it_tried_again(engine: Engine) -> None:
    engine.probe.lost()
    engine.alarms.advance(RETRY)
    engine.probe.wanted()
    engine.alarms.advance(RETRY)
    assert engine.attempts == 2


def test_one_that_is_back_meanwhile_needs_no_try(engine: Engine) -> None:
    engine.probe.lost()
    assert engine.probe.back() is True
    assert engine.probe.back() is False
    engine.alarms.advance(RETRY)
    assert engine.attempts == 0
