"""What is owed to a callback_url is posted at least once, or the reply's record says why not."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from openclaw.delivery import callbacks as module
from openclaw.delivery.callbacks import PAUSES, Callbacks
from openclaw.errors import NameTaken, QueueFull
from openclaw.message import dump_bytes
from openclaw.routing.ledger import Ledger
from openclaw.spool import Committer, DropDir
from tests.support.clock import FakeClock, ManualTimers
from tests.support.file_events import FileEvents
from tests.support.receiver import Receiver, closed_port


class Debts:
    """Callbacks over real directories, with time by hand."""

    def __init__(self, root: Path, stack: ExitStack) -> None:
        self.clock = FakeClock()
        self.alarms = ManualTimers(self.clock)
        self.committer = Committer(sync=False)
        self.committer.start()
        stack.callback(self.committer.close)
        self.work, self.outbox, self.directory = (
            stack.enter_context(closing(DropDir(root / name))) for name in ("work", "outbox", "callbacks")
        )
        self.events = stack.enter_context(closing(FileEvents(self.directory.path)))
        self.ledger = Ledger(self.work, self.outbox, self.committer, self.clock)
        self.callbacks = self.restart(stack)

    def restart(self, stack: ExitStack) -> Callbacks:
        self.callbacks = Callbacks(self.directory, self.committer, self.ledger, self.alarms, self.clock)
        stack.callback(self.callbacks.close)
        return self.callbacks

    def owe(self, message_id: str, url: str) -> None:
        self.callbacks.owe(message_id, url, {"id": message_id, "text": "hi"}).result(10)
        self.callbacks.send(message_id, url)

    def until_settled(self, message_id: str) -> None:
        self.events.until(lambda: not (self.directory.path / f"{message_id}.json").exists())

    def let_one_pause_pass(self, number: int) -> None:
        """From the `number`th failure to the next post."""
        self.alarms.wait_set(PAUSES[number])
        self.alarms.advance(PAUSES[number])


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def debts(tmp_path: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> Debts:
    monkeypatch.setattr(module, "JITTER", 0.0)
    return Debts(tmp_path, stack)


def test_a_reply_is_posted_under_its_id_and_then_forgotten(debts: Debts) -> None:
    with Receiver() as receiver:
        debts.owe("a", receiver.url)
        posted = receiver.next()
        debts.until_settled("a")
    assert posted.body == {"id": "a", "text": "hi"}
    assert posted.headers["Idempotency-Key"] == "a"


def test_a_post_that_fails_is_repeated_after_a_growing_pause(debts: Debts) -> None:
    with Receiver(500, 500) as receiver:
        debts.owe("a", receiver.url)
        receiver.next()
        debts.let_one_pause_pass(0)
        receiver.next()
        debts.let_one_pause_pass(1)
        receiver.next()
        debts.until_settled("a")


def test_one_that_stays_dead_is_said_in_the_log_and_in_the_replys_record(
    debts: Debts, caplog: pytest.LogCaptureFixture
) -> None:
    debts.outbox.place("a.json", b'{"id": "a", "text": "hi", "receipt": {"digest": "d"}}')
    port = closed_port()
    debts.owe("a", f"http://127.0.0.1:{port}/secret")
    for number in range(len(PAUSES)):
        debts.let_one_pause_pass(number)
    debts.until_settled("a")
    record = json.loads((debts.outbox.path / "a.json").read_bytes())
    assert record["callback"] == {
        "status": "failed", "attempts": len(PAUSES) + 1, "error": "no answer: Connection refused",
    }  # fmt: skip
    assert record["receipt"] == {"digest": "d"}
    assert f"The callback of a to 127.0.0.1:{port} failed {len(PAUSES) + 1} times and is given up" in caplog.text
    assert "secret" not in caplog.text


def test_one_that_stays_dead_after_its_reply_is_gone_is_forgotten(debts: Debts) -> None:
    debts.owe("a", f"http://127.0.0.1:{closed_port()}/")
    for number in range(len(PAUSES)):
        debts.let_one_pause_pass(number)
    debts.until_settled("a")
    assert os.listdir(debts.outbox.path) == []


def test_what_was_owed_at_the_end_of_a_process_is_posted_by_the_next(debts: Debts, stack: ExitStack) -> None:
    with Receiver() as receiver:
        debts.callbacks.owe("a", receiver.url, {"id": "a"}).result(10)
        debts.restart(stack).load()
        assert receiver.next().body == {"id": "a"}
        debts.until_settled("a")


def test_after_a_restart_it_is_tried_where_the_last_process_was(debts: Debts, stack: ExitStack) -> None:
    with Receiver(500, 500) as receiver:
        debts.owe("a", receiver.url)
        receiver.next()
        debts.let_one_pause_pass(0)
        receiver.next()
        debts.alarms.wait_set(PAUSES[1])
        debts.callbacks.close()
        debts.clock.advance(PAUSES[1] - 4)  # of the pause, 4 s are left

        debts.alarms = ManualTimers(debts.clock)
        debts.restart(stack).load()

        debts.alarms.wait_set(4.0)
        debts.alarms.advance(4.0)
        assert receiver.next().body == {"id": "a", "text": "hi"}
        debts.until_settled("a")


def test_it_is_given_up_after_as_many_tries_as_without_a_restart(debts: Debts, stack: ExitStack) -> None:
    url = f"http://127.0.0.1:{closed_port()}/"
    debts.directory.place("a.json", dump_bytes({"url": url, "reply": {"id": "a"}, "tries": len(PAUSES), "next_at": 0}))
    debts.restart(stack).load()
    debts.until_settled("a")


@pytest.mark.parametrize(
    "counted", [{"tries": -1}, {"tries": "many"}, {"tries": 1, "next_at": "soon"}, {"tries": True}]
)
def test_a_count_that_is_none_posts_at_once(debts: Debts, stack: ExitStack, counted: dict[str, object]) -> None:
    with Receiver() as receiver:
        debts.directory.place("a.json", dump_bytes({"url": receiver.url, "reply": {"id": "a"}, **counted}))
        debts.restart(stack).load()
        assert receiver.next().body == {"id": "a"}
        debts.until_settled("a")


def test_a_date_that_was_set_back_makes_no_pause_longer(debts: Debts, stack: ExitStack) -> None:
    with Receiver() as receiver:
        record = {"url": receiver.url, "reply": {"id": "a"}, "tries": 1, "next_at": debts.clock.time() + 1e6}
        debts.directory.place("a.json", dump_bytes(record))
        debts.restart(stack).load()
        debts.alarms.wait_set(PAUSES[0])
        debts.alarms.advance(PAUSES[0])
        receiver.next()
        debts.until_settled("a")


def test_a_reply_that_is_owed_already_is_not_posted_twice(debts: Debts) -> None:
    with Receiver() as receiver:
        receiver.gate.clear()
        debts.owe("a", receiver.url)
        with pytest.raises(NameTaken):
            debts.callbacks.owe("a", receiver.url, {}).result(10)
        debts.callbacks.send("a", receiver.url)
        debts.owe("b", receiver.url)
        receiver.gate.set()
        assert {receiver.next().body["id"], receiver.next().body["id"]} == {"a", "b"}
        debts.until_settled("a")
        debts.until_settled("b")
        assert receiver.posted.empty()


def test_a_post_that_is_cut_by_close_stays_owed_and_counts_no_failure(debts: Debts, stack: ExitStack) -> None:
    with Receiver() as receiver:
        receiver.gate.clear()
        debts.owe("a", receiver.url)
        receiver.next()
        debts.callbacks.close()
        assert debts.alarms.delays() == []
        receiver.gate.set()
        debts.restart(stack).load()
        assert receiver.next().body["id"] == "a"
        debts.until_settled("a")


def test_a_host_that_hangs_does_not_hold_up_another(debts: Debts) -> None:
    with Receiver() as hanging, Receiver() as quick:
        hanging.gate.clear()
        for number in range(module.MAX_WORKERS + 1):
            debts.owe(f"h{number}", hanging.url)
        debts.owe("q", quick.url)
        assert quick.next().body["id"] == "q"
        debts.until_settled("q")


@pytest.mark.parametrize(
    "record", [b"", b"[]", b"{}", b'{"url": 1, "reply": {}}', b'{"url": "ftp://h/", "reply": {}}',
               b'{"url": "http://h:99999/", "reply": {}}']
)  # fmt: skip
def test_a_file_that_is_no_debt_is_left_and_said_and_costs_the_others_nothing(
    debts: Debts, stack: ExitStack, caplog: pytest.LogCaptureFixture, record: bytes
) -> None:
    debts.directory.place("bad.json", record)
    with Receiver() as receiver:
        debts.callbacks.owe("good", receiver.url, {"id": "good"}).result(10)
        debts.restart(stack).load()
        assert receiver.next().body == {"id": "good"}
        debts.until_settled("good")
    assert "callbacks/bad.json" in caplog.text
    assert (debts.directory.path / "bad.json").exists()


def test_where_too_much_is_owed_no_more_is_taken(debts: Debts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_OWED", 1)
    with Receiver() as receiver:
        receiver.gate.clear()
        debts.callbacks.admit(receiver.url)
        debts.owe("a", receiver.url)
        with pytest.raises(QueueFull, match="callback_url"):
            debts.callbacks.admit(receiver.url)
        debts.callbacks.admit("")  # one that wants no callback is taken as ever
        receiver.gate.set()
        debts.until_settled("a")


def test_the_log_names_the_host_only(debts: Debts, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "urllib3")  # as openclaw.logs does
    caplog.set_level(logging.DEBUG, "openclaw")
    with Receiver(500) as receiver:
        debts.owe("a", receiver.url + "?token=secret")
        receiver.next()
        debts.let_one_pause_pass(0)
        receiver.next()
        debts.until_settled("a")
    assert "127.0.0.1" in caplog.text
    assert "secret" not in caplog.text
