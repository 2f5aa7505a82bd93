"""Replies on their way out: first to the disk, then to whoever waits, and only then is the message forgotten."""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from openclaw.agents.attachment import Attachment
from openclaw.agents.turn import Answer, Turn
from openclaw.containers.channel import Channels
from openclaw.delivery.callbacks import Callbacks
from openclaw.delivery.outbox import FIRST_PAUSE, LONGEST_PAUSE, MAX_BATCH, Outbox
from openclaw.delivery.waiters import Waiters
from openclaw.errors import NotDurable
from openclaw.message import Message
from openclaw.routing.ledger import Ledger
from openclaw.spool import IN_DELETE, IN_MOVED_FROM, IN_MOVED_TO, Committer, Inotify, Watcher
from tests.support.clock import FakeClock, ManualTimers
from tests.support.listener import RecordingListener
from tests.support.listing import shown
from tests.support.receiver import Receiver
from tests.support.slow_dir import SlowDir, give_back, take_away

DONE = Answer("done", "hi", agent_ms=3)


class Desk:
    """An outbox with all that it works on, and time by hand."""

    def __init__(self, root: Path, stack: ExitStack) -> None:
        self.alarms = ManualTimers(FakeClock())
        self.work, self.replies, self.debts = (
            stack.enter_context(closing(SlowDir(root / name))) for name in ("work", "outbox", "callbacks")
        )
        committer = stack.enter_context(closing(Committer()))
        committer.start()
        self.ledger = Ledger(self.work, self.replies, committer, self.alarms.clock)
        self.waiters = Waiters(self._look)
        self._looked = threading.Semaphore(0)
        self._callers = stack.enter_context(ThreadPoolExecutor(2))
        callbacks = Callbacks(self.debts, committer, self.ledger, self.alarms, self.alarms.clock)
        stack.callback(callbacks.close)
        self.settled: queue.Queue[Turn] = queue.Queue()
        self.told: queue.Queue[dict[str, Any]] = queue.Queue()
        self.remember: Callable[[Turn, Answer], object] = lambda *_: None
        self.remembered: Callable[[Turn], object] = lambda _: None
        self.tell: Callable[[Turn, dict[str, Any]], None] = lambda _, reply: self.told.put(reply)
        self.outbox = Outbox(
            self.ledger, self.waiters, callbacks, self.alarms.clock, self.alarms,
            remember=self._remember, settled=self.settled.put,
            told=self._tell,
        )  # fmt: skip
        self.outbox.start()
        stack.callback(self.outbox.close)
        stack.callback(self.replies.release)  # should a test fail while it holds the disk
        self.channel = Channels(root / "channels", stack.enter_context(closing(Watcher()))).create("c1")

    def turn(self, message_id: str, *, stored: bool = True, **keys: Any) -> Turn:
        """A turn that is over: its message in work/, its frames in the container's channel. Or neither."""
        message = Message("hello", id=message_id, **keys)
        clock = self.alarms.clock
        turn = Turn(message, 1, clock.monotonic(), clock.time(), message.digest())
        if stored:
            self.ledger.store(turn).result(10)
            Attachment(self.channel, RecordingListener()).ask(turn, 60)
        return turn

    def deliver_at_once(self, *message_ids: str) -> None:
        """Queue these as one batch, behind a reply `first`."""
        turns = [self.turn(message_id) for message_id in message_ids]
        self.replies.hold()
        self.deliver("first", stored=False)
        self.replies.wait_held()
        for turn in turns:
            self.outbox.deliver(turn, DONE)
        self.replies.release()

    def deliver(self, message_id: str, answer: Answer = DONE, **keys: Any) -> Turn:
        turn = self.turn(message_id, **keys)
        self.outbox.deliver(turn, answer)
        return turn

    def wait_for(self, message_id: str) -> Future[dict[str, Any] | None]:
        """Have a caller wait for a reply; returns once it has found none on the disk."""
        waiting = self._callers.submit(self.waiters.wait, message_id, 30, threading.Event())
        assert self._looked.acquire(timeout=10)
        return waiting

    def _look(self, message_id: str) -> dict[str, Any] | None:
        found = self.ledger.reply(message_id)
        self._looked.release()
        return found

    def _remember(self, turn: Turn, answer: Answer) -> Callable[[], None]:
        self.remember(turn, answer)

        def remembered() -> None:
            self.remembered(turn)

        return remembered

    def _tell(self, turn: Turn, reply: dict[str, Any]) -> None:
        self.tell(turn, reply)

    def next_settled(self) -> Turn:
        return self.settled.get(timeout=10)

    def reply(self, message_id: str) -> dict[str, Any]:
        """The reply's file, all of it."""
        record = json.loads((self.replies.path / f"{message_id}.json").read_bytes())
        assert isinstance(record, dict)
        return record

    def left(self) -> tuple[list[str], list[str]]:
        """What lies in work/, and in the container's `in/`."""
        return shown(self.work.path), shown(self.channel.path / "in")


class Timeline:
    """What happens in some directories, in the kernel's own order: names that come ("+") and go ("-")."""

    def __init__(self, *directories: Path) -> None:
        self._inotify = Inotify()
        mask = IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE
        self._names = {self._inotify.add_watch(directory, mask): directory.name for directory in directories}

    def so_far(self) -> list[str]:
        return [
            f"{'+' if event.mask & IN_MOVED_TO else '-'}{self._names[event.wd]}/{event.name}"
            for event in self._inotify.read()
            if not event.name.startswith(".")
        ]

    def close(self) -> None:
        self._inotify.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with ExitStack() as stack:
        yield Desk(tmp_path, stack)


# The order


def test_the_reply_comes_first_then_the_message_goes_and_at_last_its_frames(desk: Desk) -> None:
    turn = desk.turn("a")
    with closing(Timeline(desk.replies.path, desk.work.path, desk.channel.path / "in")) as timeline:
        desk.outbox.deliver(turn, DONE)
        assert desk.next_settled() is turn
        assert timeline.so_far() == ["+outbox/a.json", "-work/a.json", "-in/a.request.json"]


def test_nobody_is_told_before_the_reply_is_durable(desk: Desk) -> None:
    turn = desk.turn("a")
    waiting = desk.wait_for("a")
    desk.replies.hold()
    desk.outbox.deliver(turn, DONE)
    desk.replies.wait_held()
    assert not waiting.done()
    assert desk.told.empty()
    assert desk.left() == (["a.json"], ["a.request.json"])
    desk.replies.release()
    assert waiting.result(10) is not None


def test_whoever_waits_gets_the_reply_as_it_is_on_the_disk_but_for_the_receipt(desk: Desk) -> None:
    waiting = desk.wait_for("a")
    turn = desk.deliver("a")
    reply = waiting.result(10)
    assert reply is not None
    assert (reply["status"], reply["text"]) == ("done", "hi")
    assert desk.reply("a") == {**reply, "receipt": {"digest": turn.digest}}
    assert desk.told.get(timeout=10) == reply


def test_the_log_has_the_times_of_each_reply(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "openclaw")
    turn = desk.turn("a")
    desk.alarms.advance(0.005)
    turn.begun = desk.alarms.clock.monotonic()
    desk.alarms.advance(5.2)
    desk.outbox.deliver(turn, DONE._replace(agent_ms=5200))
    desk.next_settled()
    assert "Response timing - prepTime: 5ms, agentTime: 5200ms, totalTime: 5205ms [a]" in caplog.text


# A reply that is there already


def test_a_reply_that_is_there_is_not_overwritten_and_the_turn_is_settled_all_the_same(desk: Desk) -> None:
    desk.replies.place("a.json", b'{"id": "a", "text": "the first", "receipt": {"digest": "d"}}')
    turn = desk.deliver("a")
    assert desk.next_settled() is turn
    assert desk.reply("a")["text"] == "the first"
    assert desk.left() == ([], [])
    assert desk.told.get(timeout=10)["text"] == "the first"


def test_whoever_waits_gets_the_reply_that_is_there(desk: Desk) -> None:
    waiting = desk.wait_for("a")
    desk.replies.place("a.json", b'{"id": "a", "text": "the first", "receipt": {"digest": "d"}}')
    desk.deliver("a")
    assert waiting.result(10) == {"id": "a", "text": "the first"}


def test_a_reply_that_cannot_be_read_keeps_nobody_elses(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.replies.hold()
    desk.deliver("gate")
    desk.replies.wait_held()  # what is delivered now makes one batch
    (desk.replies.path / "odd.json").mkdir()
    for turn in (desk.turn("odd", stored=False), desk.turn("good", stored=False)):
        desk.outbox.deliver(turn, DONE)
    desk.replies.release()
    assert {desk.next_settled().id for _ in range(3)} == {"gate", "odd", "good"}
    assert desk.reply("good")["text"] == "hi"
    assert "odd.json is damaged" in caplog.text


def test_what_the_last_process_left_undone_after_its_reply_is_done(desk: Desk) -> None:
    turn = desk.turn("a")
    desk.ledger.store_reply(turn, turn.reply(DONE, 0.0)).result(10)
    desk.outbox.resume(turn)
    assert desk.next_settled() is turn
    assert desk.left() == ([], [])
    assert desk.told.get(timeout=10)["id"] == "a"


# A disk that does not take it


def test_a_disk_that_does_not_take_a_reply_is_tried_again_after_a_growing_pause_and_nothing_is_lost(
    desk: Desk,
) -> None:
    take_away(desk.replies.path)
    turn = desk.deliver("a")
    pause, waited = FIRST_PAUSE, 0.0
    while waited < 100:
        desk.alarms.wait_set(pause)
        assert desk.left() == (["a.json"], ["a.request.json"])
        desk.alarms.advance(pause)
        waited += pause
        pause = min(2 * pause, LONGEST_PAUSE)
    desk.alarms.wait_set(pause)
    give_back(desk.replies.path)
    desk.alarms.advance(pause)
    assert desk.next_settled() is turn
    assert desk.told.qsize() == 1
    assert desk.reply("a")["text"] == "hi"
    assert desk.reply("a")["timing"]["totalTime"] == round((waited + pause) * 1000)


def test_a_message_that_cannot_be_removed_is_said_and_left_to_the_next_start(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    turn = desk.turn("a")
    (desk.work.path / "a.json").unlink()
    (desk.work.path / "a.json").mkdir()
    desk.outbox.deliver(turn, DONE)
    assert desk.next_settled() is turn
    assert "ipc/work/a.json could not be removed" in caplog.text
    assert desk.left()[1] == []


# What the session keeps


def test_the_session_knows_of_a_turn_before_its_reply_is_out(desk: Desk) -> None:
    seen: list[tuple[str, str, bool]] = []
    desk.remember = lambda turn, answer: seen.append((turn.id, answer.text, desk.replies.exists("a.json")))
    desk.deliver("a")
    desk.next_settled()
    assert seen == [("a", "hi", False)]


def test_a_session_that_cannot_be_written_yet_keeps_its_reply_alone(desk: Desk) -> None:
    full = {"a"}

    def remember(turn: Turn, _: Answer) -> None:
        if turn.id in full:
            raise NotDurable("the session of a could not be written: No space left on device")

    desk.remember = remember
    turn = desk.deliver("a")
    desk.deliver("b")
    assert desk.next_settled().id == "b"
    desk.alarms.wait_set(FIRST_PAUSE)
    assert not desk.replies.exists("a.json")
    full.clear()
    desk.alarms.advance(FIRST_PAUSE)
    assert desk.next_settled() is turn
    assert desk.reply("a")["text"] == "hi"


def test_the_sessions_of_a_batch_are_written_together(desk: Desk) -> None:
    heard: list[str] = []
    desk.remember = lambda turn, _: heard.append(f"{turn.id} begun")
    desk.remembered = lambda turn: heard.append(f"{turn.id} durable")
    desk.deliver_at_once("a", "b", "c")
    assert {desk.next_settled().id for _ in range(4)} == {"first", "a", "b", "c"}
    assert heard[2:] == ["a begun", "b begun", "c begun", "a durable", "b durable", "c durable"]


def test_one_of_a_batch_whose_session_does_not_become_durable_is_tried_again_alone(desk: Desk) -> None:
    full = {"a"}

    def remembered(turn: Turn) -> None:
        if turn.id in full:
            raise NotDurable("the session of a could not be written: No space left on device")

    desk.remembered = remembered
    desk.deliver_at_once("a", "b")
    assert {desk.next_settled().id for _ in range(2)} == {"first", "b"}
    desk.alarms.wait_set(FIRST_PAUSE)
    assert not desk.replies.exists("a.json")
    full.clear()
    desk.alarms.advance(FIRST_PAUSE)
    assert desk.next_settled().id == "a"


def test_a_reply_that_its_session_cannot_be_told_of_yet_is_told_later_and_its_message_stays(desk: Desk) -> None:
    tell, full = desk.tell, {"a"}

    def told(turn: Turn, reply: dict[str, Any]) -> None:
        if turn.id in full:
            raise NotDurable("the session of a could not be written: No space left on device")
        tell(turn, reply)

    desk.tell = told
    turn = desk.deliver("a")
    desk.alarms.wait_set(FIRST_PAUSE)
    assert desk.left()[0] == ["a.json"]
    assert desk.settled.empty()
    full.clear()
    desk.alarms.advance(FIRST_PAUSE)
    assert desk.next_settled() is turn
    assert desk.told.get_nowait() == desk.ledger.reply("a")


def test_a_turn_whose_reply_was_out_at_the_start_is_not_remembered_again(desk: Desk) -> None:
    desk.remember = lambda *_: pytest.fail("its session knows of it")
    turn = desk.turn("a")
    desk.ledger.store_reply(turn, turn.reply(DONE, 0.0)).result(10)
    desk.outbox.resume(turn)
    assert desk.next_settled() is turn


@pytest.mark.parametrize("where", ["remember", "tell"])
def test_a_fault_in_one_costs_the_others_of_its_batch_nothing(
    desk: Desk, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    heard: list[str] = []

    def fault(turn: Turn, _: object) -> None:
        heard.append(turn.id)
        if turn.id == "b":
            raise ValueError("a fault of ours")

    setattr(desk, where, fault)
    desk.deliver_at_once("a", "b", "c")
    assert {desk.next_settled().id for _ in range(3)} == {"first", "a", "c"}
    desk.outbox.close()
    assert desk.settled.empty()
    assert desk.left()[0] == ["b.json"], "the next start takes it up"
    assert "b could not be delivered" in caplog.text
    if where == "tell":
        assert heard.count("a") == 1


# What is owed to a callback_url


def test_what_is_owed_to_an_address_is_noted_before_the_message_goes_and_posted_then(desk: Desk) -> None:
    with Receiver() as receiver:
        turn = desk.turn("a", callback_url=receiver.url)
        with closing(Timeline(desk.replies.path, desk.debts.path, desk.work.path)) as timeline:
            desk.outbox.deliver(turn, DONE)
            assert receiver.next().body == desk.ledger.reply("a")
            assert timeline.so_far()[:3] == ["+outbox/a.json", "+callbacks/a.json", "-work/a.json"]


def test_a_debt_that_cannot_be_noted_keeps_its_message_until_it_is(desk: Desk) -> None:
    take_away(desk.debts.path)
    with Receiver() as receiver:
        turn = desk.deliver("a", callback_url=receiver.url)
        desk.alarms.wait_set(FIRST_PAUSE)
        assert desk.reply("a")["text"] == "hi"
        assert desk.left()[0] == ["a.json"]
        give_back(desk.debts.path)
        desk.alarms.advance(FIRST_PAUSE)
        assert desk.next_settled() is turn
        assert receiver.next().body == desk.ledger.reply("a")


def test_a_debt_of_the_last_process_whose_message_was_not_forgotten_is_not_lost(desk: Desk) -> None:
    with Receiver() as receiver:
        turn = desk.turn("a", callback_url=receiver.url)
        desk.ledger.store_reply(turn, turn.reply(DONE, 0.0)).result(10)
        desk.outbox.resume(turn)
        assert receiver.next().body == desk.ledger.reply("a")


# The end


def test_closing_delivers_what_is_queued(desk: Desk) -> None:
    desk.replies.hold()
    desk.deliver("first")
    desk.replies.wait_held()
    turns = [desk.turn(f"m{number}", stored=False) for number in range(2 * MAX_BATCH + 1)]
    for turn in turns:
        desk.outbox.deliver(turn, DONE)
    with ThreadPoolExecutor(1) as pool:
        closing_down = pool.submit(desk.outbox.close)
        assert not closing_down.done()
        desk.replies.release()
        closing_down.result(30)
    assert desk.settled.qsize() == 1 + len(turns)
    assert len(os.listdir(desk.replies.path)) == 1 + len(turns)


def test_what_is_to_be_called_comes_behind_what_is_queued(desk: Desk) -> None:
    answered = threading.Event()
    desk.deliver("a")
    desk.outbox.call(answered.set)
    assert answered.wait(30)
    assert desk.settled.get(timeout=0).id == "a"


def test_a_call_that_goes_wrong_is_logged_and_delivery_goes_on(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise ZeroDivisionError("a bug")

    answered = threading.Event()
    desk.outbox.call(fail)
    desk.outbox.call(answered.set)
    assert answered.wait(10)
    (record,) = caplog.records
    assert record.exc_info is not None
