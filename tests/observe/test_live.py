"""The state of things as its readers hear it: whole at first, then what has changed, rendered once for all of them."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from openclaw.observe.live import PAUSE, Live, LiveReader
from tests.support.clock import FakeClock, ManualTimers


class State:
    """Two topics that count how often they are rendered."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.timers = ManualTimers(self.clock)
        self.values = {"now": 0, "times": 0}
        self.rendered: list[str] = []
        topics = {"now": lambda: self._render("now"), "times": lambda: self._render("times")}
        self.live = Live(topics, self.timers, self.clock)

    def _render(self, topic: str) -> dict[str, Any]:
        self.rendered.append(topic)
        return {"value": self.values[topic]}

    def set(self, topic: str, value: int) -> None:
        self.values[topic] = value
        self.live.changed(topic)

    def heard(self, reader: LiveReader) -> dict[str, int]:
        """What a reader is told, by topic, when the time for it has come."""
        wake = threading.Event()
        self.live.take(10**9, wake, wait=True)  # somebody waits, as a reader on its thread does
        self.timers.advance(PAUSE)
        return {told.name: told.data["value"] for told in reader.next(threading.Event(), 0)}


@pytest.fixture
def state() -> State:
    return State()


def test_nothing_is_rendered_while_nobody_listens(state: State) -> None:
    state.set("now", 1)
    state.timers.advance(60)

    assert state.rendered == []
    assert state.timers.delays() == []


def test_a_new_reader_is_told_everything_as_it_is_now(state: State) -> None:
    state.set("now", 1)

    assert state.heard(state.live.open()) == {"now": 1, "times": 0}


def test_then_only_what_has_changed(state: State) -> None:
    reader = state.live.open()
    state.heard(reader)

    state.set("times", 2)

    assert state.heard(reader) == {"times": 2}
    assert state.heard(reader) == {}


def test_of_many_changes_only_the_last_is_rendered(state: State) -> None:
    reader = state.live.open()
    state.heard(reader)
    state.rendered.clear()

    for value in range(100):
        state.set("now", value)

    assert state.heard(reader) == {"now": 99}
    assert state.rendered == ["now"]


def test_one_rendering_serves_all_readers(state: State) -> None:
    readers = [state.live.open() for _ in range(5)]

    assert [state.heard(reader) for reader in readers] == [{"now": 0, "times": 0}] * 5
    assert sorted(state.rendered) == ["now", "times"]


def test_a_change_while_it_is_rendered_is_told_next(state: State) -> None:
    reader = state.live.open()
    state.heard(reader)
    before = state._render

    def meanwhile(topic: str) -> dict[str, Any]:
        found = before(topic)
        state._render = before  # type: ignore[method-assign]
        state.set("now", 2)
        return found

    state._render = meanwhile  # type: ignore[method-assign]
    state.set("now", 1)

    assert state.heard(reader) == {"now": 2}
    assert state.rendered[-2:] == ["now", "now"]


def test_the_next_rendering_keeps_a_pause(state: State) -> None:
    reader, wake = state.live.open(), threading.Event()
    state.heard(reader)

    state.live.take(10**9, wake, wait=True)
    state.set("now", 1)
    state.timers.advance(0)
    state.live.take(10**9, wake, wait=True)
    state.set("now", 2)

    assert state.timers.delays() == [pytest.approx(PAUSE)]


def test_a_reader_that_waits_is_woken(state: State) -> None:
    reader = state.live.open()
    state.heard(reader)
    told: list[str] = []
    thread = threading.Thread(target=lambda: told.extend(one.name for one in reader.next(threading.Event(), 10)))
    thread.start()
    state.set("now", 1)
    state.timers.wait_pending()
    state.timers.advance(PAUSE)
    thread.join(10)

    assert told == ["now"]


def test_who_is_gone_leaves_nothing_behind(state: State) -> None:
    reader, wake = state.live.open(), threading.Event()
    state.heard(reader)
    wake.set()  # it has hung up

    assert reader.next(wake, 10) == []
    state.live._waiting.clear()
    state.set("now", 1)
    assert state.timers.delays() == []
