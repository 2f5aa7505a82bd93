"""Readers of a message's events: told as it happens, at any time, and never at anybody else's cost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from openclaw.containers.event_tail import Event
from openclaw.delivery import events as module
from openclaw.delivery.events import BATCH, MAX_FINISHED, MAX_SIZE, SCARCE, EventHub, Reader
from openclaw.delivery.sent_event import SentEvent

LONG = 30.0
REPLY = {"id": "a", "text": "hi", "attempt": 1}


class Scene:
    """A hub, what is in flight, and the replies that are stored. A look for one calls `before` and `after`, once."""

    def __init__(self) -> None:
        self.flight = {"a"}
        self.replies: dict[str, dict[str, Any]] = {}
        self.before: list[Callable[[], None]] = []
        self.after: list[Callable[[], None]] = []
        self.hub = EventHub(self._reply, lambda message_id: message_id in self.flight)

    def _reply(self, message_id: str) -> dict[str, Any] | None:
        if self.before:
            self.before.pop()()
        found = self.replies.get(message_id)
        if self.after:
            self.after.pop()()
        return found

    def open(self, message_id: str = "a", after: str = "") -> Reader:
        reader = self.hub.open(message_id, after)
        assert reader is not None
        return reader

    def start(self, message_id: str = "a", attempt: int = 1) -> None:
        self.flight.add(message_id)
        self.hub.started(message_id, attempt, "persistent")

    def deltas(self, first: int, last: int, message_id: str = "a", text: str = "") -> None:
        lines = [Event(number, {"kind": "delta", "text": f"{number} {text}"}) for number in range(first, last + 1)]
        self.hub.lines(message_id, 1, lines)

    def finish(self, message_id: str = "a") -> None:
        """As delivery does it: the reply is stored, then it is told, then the message is not in flight any more."""
        self.replies[message_id] = {**REPLY, "id": message_id}
        self.hub.done(message_id)
        self.flight.discard(message_id)


@pytest.fixture
def scene() -> Scene:
    return Scene()


class Wake(threading.Event):
    """An event that tells when somebody begins to wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.waited = threading.Semaphore(0)

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.release()
        return super().wait(timeout)


def _now(reader: Reader) -> list[SentEvent]:
    """What there is, without a wait."""
    return reader.next(threading.Event(), 0.0)


def _rest(reader: Reader) -> list[SentEvent]:
    """Everything up to the end, which must come."""
    found: list[SentEvent] = []
    while not reader.ended:
        batch = reader.next(threading.Event(), LONG)
        assert batch or reader.ended, "nothing more came"
        found += batch
    return found


def _begin(pool: ThreadPoolExecutor, reader: Reader, wake: Wake | None = None) -> Future[list[SentEvent]]:
    """Have somebody read; returns once they wait."""
    wake = wake or Wake()
    waiting = pool.submit(reader.next, wake, LONG)
    assert wake.waited.acquire(timeout=10)
    return waiting


# As it happens


def test_a_message_is_told_from_queued_to_its_reply(scene: Scene) -> None:
    reader = scene.open()
    scene.start()
    scene.deltas(1, 1)
    scene.hub.subagent("a", {"id": "a.s1", "status": "queued"})
    scene.finish()
    assert [event.name for event in _rest(reader)] == ["queued", "started", "delta", "subagent", "done"]
    assert _rest(scene.open())[-1] == SentEvent("1.2", "done", REPLY)


@pytest.mark.parametrize(
    ("publish", "name"),
    [
        (lambda scene: scene.deltas(1, 1), "delta"),
        (lambda scene: scene.hub.subagent("a", {"id": "a.s1", "status": "queued"}), "subagent"),
        (lambda scene: scene.hub.message("a", {"id": "a.m1", "session": "default", "text": "x"}), "message"),
        (lambda scene: scene.hub.started("a", 2, "dedicated"), "started"),
        (lambda scene: scene.finish(), "done"),
    ],
    ids=["lines", "subagent", "message", "started", "done"],
)
def test_a_reader_is_woken_by_whatever_happens(scene: Scene, publish: Callable[[Scene], None], name: str) -> None:
    scene.start()
    reader = scene.open()
    _now(reader)
    wake = Wake()
    with ThreadPoolExecutor(1) as pool:
        waiting = _begin(pool, reader, wake)
        publish(scene)
        assert [event.name for event in waiting.result(10)] == [name]
    wake.clear()
    scene.deltas(2, 2)
    scene.finish()
    assert not wake.is_set()  # nobody waits by then


def test_everybody_who_reads_a_message_is_told_and_nobody_else(scene: Scene) -> None:
    for message_id in ("a", "b"):
        scene.start(message_id)
    readers = [scene.open("a"), scene.open("a"), scene.open("b")]
    for reader in readers:
        _now(reader)
    wakes = [Wake() for _ in readers]
    with ThreadPoolExecutor(3) as pool:
        first, second, other = (_begin(pool, *pair) for pair in zip(readers, wakes, strict=True))
        scene.deltas(1, 2)
        assert first.result(10) == second.result(10) != []
        assert not wakes[2].is_set()
        scene.deltas(1, 1, "b")
        assert len(other.result(10)) == 1


def test_without_anything_new_one_waits_no_longer_than_asked(scene: Scene) -> None:
    reader = scene.open()
    _now(reader)
    assert _now(reader) == []
    assert not reader.ended


def test_a_reader_whose_caller_goes_away_is_woken_with_nothing_and_not_again(scene: Scene) -> None:
    reader = scene.open()
    _now(reader)
    wake = Wake()
    with ThreadPoolExecutor(1) as pool:
        waiting = _begin(pool, reader, wake)
        wake.set()
        assert waiting.result(10) == []
    wake.clear()
    scene.start()
    assert not wake.is_set()
    assert [event.name for event in _now(reader)] == ["started"]


def test_a_reader_far_behind_gets_some_at_a_time_and_all_in_the_end(scene: Scene) -> None:
    scene.start()
    scene.deltas(1, 3 * BATCH)
    scene.finish()
    reader = scene.open(after="0.2")
    assert [event.id for event in _now(reader)] == [f"{number}.0" for number in range(1, BATCH + 1)]
    assert len(_rest(reader)) == 2 * BATCH + 1


def test_a_hundred_messages_at_once_are_each_told_in_order_whoever_publishes(scene: Scene) -> None:
    ids = [f"m{number}" for number in range(100)]
    scene.flight.update(ids)
    readers = [scene.open(message_id) for message_id in ids]

    def work(mine: list[str]) -> None:
        for message_id in mine:
            scene.start(message_id)
        for number in range(1, 51):
            for message_id in mine:
                scene.deltas(number, number, message_id, message_id)
        for message_id in mine:
            scene.finish(message_id)

    with ThreadPoolExecutor(104) as pool:
        reading = [pool.submit(_rest, reader) for reader in readers]
        for writing in [pool.submit(work, ids[part::4]) for part in range(4)]:
            writing.result(60)
        for message_id, read in zip(ids, reading, strict=True):
            texts = [event.data["text"] for event in read.result(60) if event.name == "delta"]
            assert texts == [f"{number} {message_id}" for number in range(1, 51)]


# Who comes when


def test_a_message_nobody_has_heard_of_has_no_reader_and_leaves_nothing_behind(scene: Scene) -> None:
    assert scene.hub.open("nobody") is None
    assert len(scene.hub) == scene.hub.size == 0


def test_a_message_that_was_accepted_before_a_restart_is_queued_until_it_begins(scene: Scene) -> None:
    reader = scene.open()
    assert [event.name for event in _now(reader)] == ["queued"]
    scene.start()
    assert [event.name for event in _now(reader)] == ["started"]


def test_of_a_message_that_was_finished_long_ago_there_is_the_end(scene: Scene) -> None:
    scene.replies["old"] = {**REPLY, "id": "old", "attempt": 2}
    for after in ("", "7.0", "2-3.1"):
        (event,) = _rest(scene.open("old", after))
        assert (event.name, event.data) == ("done", scene.replies["old"])
    assert scene.open("old", event.id).ended
    assert len(scene.hub) == scene.hub.size == 0


def test_a_reader_that_has_seen_the_end_is_at_the_end(scene: Scene) -> None:
    reader = scene.open()
    scene.finish()
    last = _rest(reader)[-1]
    assert scene.open(after=last.id).ended
    assert not scene.open(after="0.1").ended


def test_one_who_comes_between_the_reply_and_the_end_of_the_flight_gets_the_reply(scene: Scene) -> None:
    scene.replies["a"] = REPLY
    scene.hub.done("a")  # and only then it is settled
    assert [event.name for event in _rest(scene.open())] == ["done"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_message_that_ends_while_one_opens_it_is_not_waited_for(scene: Scene, when: str) -> None:
    getattr(scene, when).append(scene.finish)  # before its reply is looked for, and when none was found
    assert _rest(scene.open())[-1].data == REPLY


def test_two_who_ask_for_nobody_at_the_same_moment_both_hear_that_there_is_nothing(scene: Scene) -> None:
    others: list[Reader | None] = []

    scene.before.append(lambda: others.append(scene.hub.open("nobody")))
    assert scene.hub.open("nobody") is None
    (other,) = others
    assert other is None or [event.name for event in _rest(other)] == ["queued", "done"]
    assert len(scene.hub) == 0


def test_a_disk_that_fails_while_one_opens_leaves_nothing_behind(scene: Scene) -> None:
    def fail() -> None:
        raise OSError("the disk is gone")

    scene.before.append(fail)
    with pytest.raises(OSError, match="the disk is gone"):
        scene.hub.open("a")
    assert len(scene.hub) == 0


def test_one_who_comes_back_after_a_restart_is_told_what_becomes_of_subagents_since(scene: Scene) -> None:
    scene.start()
    scene.deltas(1, 7)  # the file is read again
    reader = scene.open(after="7.2")  # the last process told that a subagent was queued, and that it ran
    scene.hub.subagent("a", {"id": "a.s1", "status": "done"})
    assert [event.data["status"] for event in _now(reader)] == ["done"]


# What is let be


def test_nothing_is_told_after_the_end(scene: Scene) -> None:
    scene.start()
    scene.finish()
    scene.start(attempt=2)
    scene.deltas(1, 3)
    scene.hub.subagent("a", {"id": "a.s1", "status": "done"})
    scene.hub.done("a")
    assert [event.name for event in _rest(scene.open())] == ["queued", "started", "done"]


def test_messages_without_a_reader_that_have_not_begun_take_nothing(scene: Scene) -> None:
    scene.hub.subagent("gone", {"id": "gone.s1", "status": "done"})
    scene.finish("b")
    assert len(scene.hub) == scene.hub.size == 0


# Within bounds


def test_any_number_of_events_without_a_reader_take_no_more_room_than_some(scene: Scene) -> None:
    scene.start()
    for first in range(1, 100_001, 1000):
        scene.deltas(first, first + 999)
        assert scene.hub.size <= MAX_SIZE
    assert scene.hub.size > MAX_SIZE / 4
    scene.finish()
    told = _rest(scene.open())
    assert (told[2].name, told[-2].id, told[-1].name) == ("delta", "100000.0", "done")


def test_a_reader_that_is_overtaken_by_folding_shows_the_whole_text_in_the_end(scene: Scene) -> None:
    scene.start()
    slow = scene.open()
    _now(slow)
    scene.deltas(1, 10)
    shown = "".join(event.data["text"] for event in _now(slow))
    assert shown == "".join(f"{number} " for number in range(1, 11))
    scene.deltas(11, 20_000)
    scene.finish()
    told = _rest(slow)
    assert told[0].name == "started"
    assert "".join(event.data["text"] for event in told[1:-1]) == "".join(f"{number} " for number in range(1, 20_001))


def test_finished_messages_are_kept_up_to_a_number_those_that_are_read_the_longest(scene: Scene) -> None:
    for number in range(MAX_FINISHED + 10):
        scene.start(f"m{number}")
        scene.finish(f"m{number}")
        scene.open("m0")
    assert len(scene.hub) == MAX_FINISHED
    for message_id, names in (("m0", 3), ("m5", 1), (f"m{MAX_FINISHED}", 3)):
        assert len(_rest(scene.open(message_id))) == names


def test_all_messages_together_have_a_bound_and_finished_ones_go_first(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_TOTAL", 1_000_000)
    for message_id in ("old", "young"):
        scene.start(message_id)
        scene.deltas(1, 1000, message_id, "x" * 100)
        scene.finish(message_id)
    assert scene.hub.size > 700_000
    scene.start()
    scene.deltas(1, 1000, text="x" * 100)
    assert [len(_rest(scene.open(message_id))) > 1 for message_id in ("old", "young")] == [False, True]
    for number in range(10):
        scene.start(f"m{number}")
        scene.deltas(1, 1000, f"m{number}", "x" * 100)
    assert scene.hub.size <= 1_000_000 + 11 * SCARCE
    assert [event.name for event in _now(scene.open("m9"))[:3]] == ["queued", "started", "delta"]


def test_a_reader_goes_on_in_what_is_let_go_of_under_it(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.start()
    scene.deltas(1, 2 * BATCH)
    reader = scene.open()
    _now(reader)
    scene.finish()
    monkeypatch.setattr(module, "MAX_FINISHED", 0)
    scene.start("b")
    scene.finish("b")
    assert len(scene.hub) == 0
    assert [event.id for event in _rest(reader)][-2:] == [f"{2 * BATCH}.0", f"{2 * BATCH}.1"]
