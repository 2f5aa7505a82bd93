"""Removals: asked for once, tried again until the container is gone, and never two at a time for one container."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator

import pytest

from openclaw.containers.docker_calls import EngineCalls
from openclaw.containers.docker_removals import Removals
from openclaw.containers.docker_run import Known
from openclaw.errors import EngineUnavailable, RuntimeFailure

WAIT = 10


class Engine:
    """Has containers, by cid, and waits with each removal for a word from the test: an error, or None."""

    def __init__(self) -> None:
        self.ids = {"c1": Known("id-of-c1", "name-of-c1")}
        self.away = False
        self.starting: set[str] = set()
        self.on_look: Callable[[str], Known | None] = self.ids.get
        self.asked: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.words: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
        self.calls = EngineCalls("removal", 4)
        self.removals = Removals(
            self.calls, self._find, self._remove, is_starting=lambda cid: cid in self.starting
        )

    def _find(self, cid: str) -> Known | None:
        if self.away:
            raise EngineUnavailable("no engine answers")
        return self.on_look(cid)

    def _remove(self, cid: str, known: Known) -> None:
        self.asked.put(known.engine_id)
        if (error := self.words.get(timeout=WAIT)) is not None:
            raise error

    def next_asked(self) -> str:
        return self.asked.get(timeout=WAIT)

    def answer(self, word: Exception | None) -> None:
        """Let the removal that waits go on, and wait until it has."""
        self.words.put(word)
        assert self.calls.finish(WAIT) == []


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine()
    yield engine
    engine.calls.close(WAIT)


def test_a_removal_is_done_when_the_container_is_gone(engine: Engine) -> None:
    gone = engine.removals.ask("c1")
    assert engine.next_asked() == "id-of-c1"
    assert not gone.done()
    assert engine.removals.left() == ["c1"]

    engine.answer(None)

    gone.result(WAIT)
    assert engine.removals.left() == []


def test_what_is_not_there_is_gone(engine: Engine) -> None:
    engine.removals.ask("nobody").result(WAIT)
    assert engine.asked.empty()


@pytest.mark.parametrize("error", [RuntimeFailure("device or resource busy"), ValueError("a bug")])
def test_a_removal_that_fails_stays_open_and_is_tried_again_at_the_next_look(engine: Engine, error: Exception) -> None:
    gone = engine.removals.ask("c1")
    engine.next_asked()
    engine.answer(error)
    assert not gone.done()
    assert engine.removals.left() == ["c1"]

    engine.removals.again()
    engine.next_asked()
    engine.answer(None)

    gone.result(WAIT)


def test_one_that_could_not_be_looked_for_is_looked_for_again(engine: Engine) -> None:
    engine.away = True
    gone = engine.removals.ask("nobody")
    assert engine.calls.finish(WAIT) == []
    assert not gone.done()

    engine.away = False
    engine.removals.again()

    gone.result(WAIT)


@pytest.mark.parametrize("comes_up", [True, False])
def test_what_is_still_being_started_is_looked_for_again_when_that_is_over(engine: Engine, comes_up: bool) -> None:
    engine.starting.add("c2")
    gone = engine.removals.ask("c2")
    assert engine.calls.finish(WAIT) == []
    assert not gone.done(), "the engine does not list it yet"

    if comes_up:
        engine.ids["c2"] = Known("id-of-c2", "name-of-c2")
    engine.starting.clear()
    engine.removals.start_returned("c2")
    if comes_up:
        assert engine.next_asked() == "id-of-c2"
        engine.answer(None)

    gone.result(WAIT)


def test_a_start_that_returns_during_the_look_is_not_overlooked(engine: Engine) -> None:
    engine.starting.add("c2")

    def look(cid: str) -> Known | None:
        """The engine's list is from before the container, and its start returns before the attempt is over."""
        before = engine.ids.get(cid)
        engine.ids["c2"] = Known("id-of-c2", "name-of-c2")
        engine.starting.clear()
        engine.removals.start_returned("c2")
        return before

    engine.on_look = look
    gone = engine.removals.ask("c2")
    assert engine.next_asked() == "id-of-c2"
    engine.answer(None)

    gone.result(WAIT)


def test_a_failure_is_told_once(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    engine.removals.ask("c1")
    for _ in range(3):
        engine.next_asked()
        engine.answer(RuntimeFailure("device or resource busy"))
        engine.removals.again()
    engine.next_asked()
    engine.answer(None)

    assert [record.getMessage() for record in caplog.records] == [
        "The container name-of-c1 is not removed yet; each tick tries again: device or resource busy"
    ]


def test_for_one_container_there_is_one_attempt_at_a_time(engine: Engine) -> None:
    gone = engine.removals.ask("c1")
    engine.next_asked()
    for _ in range(3):
        engine.removals.again()
        engine.removals.found("c1", engine.ids["c1"])
    assert engine.removals.ask("c1") is gone

    engine.answer(None)

    assert engine.asked.empty()


def test_what_belongs_to_nobody_is_removed_by_the_engines_id(engine: Engine) -> None:
    for cid in ("late", ""):
        engine.removals.found(cid, Known("id-of-late", "late"))
        assert engine.next_asked() == "id-of-late"
        engine.answer(None)
    assert engine.removals.left() == []
