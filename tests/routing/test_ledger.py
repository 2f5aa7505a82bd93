"""What is in flight and what was answered, as files that outlive the process."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from openclaw.agents.turn import Answer, Turn
from openclaw.errors import NameTaken
from openclaw.message import Message, Reply, dump_bytes
from openclaw.routing.ledger import Ledger, Remembered
from openclaw.spool import Committer, DropDir, Origin
from tests.support.clock import FakeClock

ORIGIN = Origin("note.json", 1, 2, 3)


class Books:
    """A ledger over real directories, and time by hand."""

    def __init__(self, root: Path, stack: ExitStack) -> None:
        self.clock = FakeClock()
        self.work, self.outbox = (stack.enter_context(closing(DropDir(root / name))) for name in ("work", "outbox"))
        self.committer = stack.enter_context(closing(Committer()))
        self.committer.start()
        self.ledger = self.next_process(self.clock)

    def next_process(self, clock: FakeClock) -> Ledger:
        return Ledger(self.work, self.outbox, self.committer, clock)

    def turn(self, message_id: str, seq: int = 1, text: str = "hello", **changes: Any) -> Turn:
        message = Message(text, id=message_id)
        return Turn(message, seq, self.clock.monotonic(), self.clock.time(), message.digest(), **changes)

    def store(self, turn: Turn) -> Turn:
        self.ledger.store(turn).result(10)
        return turn

    def answer(self, turn: Turn, text: str = "hi") -> Reply:
        reply = turn.reply(Answer("done", text), self.clock.monotonic())
        self.ledger.store_reply(turn, reply).result(10)
        return reply

    def on_disk(self, message_id: str) -> dict[str, Any]:
        """The reply's file, all of it."""
        record = json.loads((self.outbox.path / f"{message_id}.json").read_bytes())
        assert isinstance(record, dict)
        return record


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    with ExitStack() as stack:
        yield Books(tmp_path, stack)


def _ids(turns: list[Turn]) -> list[str]:
    return [turn.id for turn in turns]


# What is in flight


def test_a_stored_turn_comes_back_as_it_was(books: Books) -> None:
    message = Message("héllo \N{SNOWMAN}", "a", "friends", "s", "me", "high", "http://127.0.0.1:9/")
    books.store(Turn(message, 7, 0.0, books.clock.time(), message.digest(), ORIGIN, attempt=2))
    (turn,) = books.ledger.load().open
    assert turn.message == message
    assert (turn.seq, turn.attempt, turn.origin, turn.digest) == (7, 2, ORIGIN, message.digest())
    assert (turn.state, turn.sends, turn.cancelled) == ("queued", 0, False)


def test_turns_come_back_in_the_order_of_acceptance(books: Books) -> None:
    for message_id, seq in (("a", 10), ("b", 9), ("c", 2)):
        books.store(books.turn(message_id, seq))
    assert _ids(books.ledger.load().open) == ["c", "b", "a"]


def test_the_time_that_a_message_waited_for_a_restart_counts(books: Books) -> None:
    books.store(books.turn("a"))
    rebooted = FakeClock(monotonic=5.0, time=books.clock.time() + 60)
    (turn,) = books.next_process(rebooted).load().open
    rebooted.advance(1)
    assert turn.reply(Answer("done"), rebooted.monotonic()).timing.total_ms == 61_000


def test_a_clock_that_was_set_back_meanwhile_takes_no_time_away(books: Books) -> None:
    books.store(books.turn("a"))
    set_back = FakeClock(time=books.clock.time() - 60)
    (turn,) = books.next_process(set_back).load().open
    set_back.advance(90)
    assert turn.reply(Answer("done"), set_back.monotonic()).timing.total_ms == 90_000


def test_a_second_message_does_not_take_the_first_ones_place(books: Books) -> None:
    books.store(books.turn("a"))
    with pytest.raises(NameTaken):
        books.store(books.turn("a", text="something else"))
    (turn,) = books.ledger.load().open
    assert turn.message.text == "hello"


def test_an_attempt_replaces_the_one_before(books: Books) -> None:
    turn = books.store(books.turn("a"))
    turn.attempt = 2
    books.ledger.store(turn, replace=True).result(10)
    assert books.ledger.load().open[0].attempt == 2


def test_a_settled_turn_is_gone(books: Books) -> None:
    turn = books.store(books.turn("a"))
    books.ledger.settle(turn)
    books.ledger.settle(turn)  # a death in between repeats a step
    assert books.ledger.load() == ([], [])


def test_a_message_whose_reply_is_out_is_not_in_flight_any_more(books: Books) -> None:
    books.answer(books.store(books.turn("a", 2)))
    books.answer(books.store(books.turn("b", 1)))
    books.store(books.turn("c"))
    left = books.ledger.load()
    assert _ids(left.answered) == ["b", "a"]
    assert _ids(left.open) == ["c"]


GOOD = {"message": {"text": "hello", "id": "bad"}, "seq": 1, "attempt": 1, "accepted_at": 1.0}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 512,
        dump_bytes(GOOD)[:20],
        dump_bytes({**GOOD, "message": {"id": "bad"}}),
        dump_bytes({**GOOD, "message": "hello"}),
        dump_bytes({**GOOD, "message": {"text": "hello", "id": "other"}}),
        dump_bytes({**GOOD, "seq": "first"}),
        dump_bytes({key: value for key, value in GOOD.items() if key != "attempt"}),
    ],
    ids=["empty", "zeros", "cut", "no text", "no message", "another id", "a word for a number", "a key is missing"],
)
def test_a_damaged_file_is_left_and_said_and_costs_the_others_nothing(
    books: Books, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    books.work.place("bad.json", content)
    books.store(books.turn("good"))
    assert _ids(books.ledger.load().open) == ["good"]
    assert (books.work.path / "bad.json").read_bytes() == content
    assert "ipc/work/bad.json cannot be read and is left there" in caplog.text


def test_what_is_no_file_of_ours_is_left_and_said(books: Books, caplog: pytest.LogCaptureFixture) -> None:
    (books.work.path / "folder.json").mkdir()
    (books.work.path / "link.json").symlink_to("/etc/passwd")
    (books.work.path / ".claim.of-the-inbox").write_text("{}")
    books.store(books.turn("good"))
    assert _ids(books.ledger.load().open) == ["good"]
    assert sorted(os.listdir(books.work.path)) == [".claim.of-the-inbox", "folder.json", "good.json", "link.json"]
    assert "folder.json" in caplog.text
    assert "link.json" in caplog.text
    assert "claim" not in caplog.text


# What was answered


def test_a_reply_is_shown_without_its_receipt(books: Books) -> None:
    reply = books.answer(books.turn("a", origin=ORIGIN))
    assert books.ledger.reply("a") == reply.to_json()
    assert books.on_disk("a") == {
        **reply.to_json(), "receipt": {"digest": Message("hello").digest(), "origin": list(ORIGIN)},
    }  # fmt: skip


def test_the_receipt_tells_the_message_and_the_file_that_it_came_from(books: Books) -> None:
    digest = Message("hello").digest()
    books.answer(books.turn("a", origin=ORIGIN))
    books.answer(books.turn("b"))
    assert books.ledger.remembered("a") == Remembered(digest, ORIGIN)
    assert books.ledger.remembered("b") == Remembered(digest, None)


def test_of_an_id_that_was_never_used_nothing_is_known(books: Books) -> None:
    assert books.ledger.reply("a") is None
    assert books.ledger.remembered("a") is None
    assert books.ledger.amend_reply("a", "key", "value") is None


def test_a_reply_is_never_overwritten(books: Books) -> None:
    books.answer(books.turn("a"), "first")
    with pytest.raises(NameTaken):
        books.answer(books.turn("a"), "second")
    assert books.on_disk("a")["text"] == "first"


def test_a_key_is_added_to_a_reply_and_the_rest_stays(books: Books) -> None:
    books.answer(books.turn("a", origin=ORIGIN))
    before = books.on_disk("a")
    amended = books.ledger.amend_reply("a", "callback", {"status": "failed"})
    assert amended is not None
    amended.result(10)
    assert books.on_disk("a") == {**before, "callback": {"status": "failed"}}


def test_a_damaged_reply_still_takes_its_id_and_is_left_as_it_is(
    books: Books, caplog: pytest.LogCaptureFixture
) -> None:
    books.outbox.place("a.json", b'{"id": "a", ')
    remembered = books.ledger.remembered("a")
    assert remembered is not None
    assert remembered.digest != Message("hello").digest()
    assert books.ledger.amend_reply("a", "key", "value") is None
    assert (books.outbox.path / "a.json").read_bytes() == b'{"id": "a", '
    assert "outbox/a.json is damaged" in caplog.text


def test_a_reply_that_somebody_else_wrote_takes_its_id_for_every_message(books: Books) -> None:
    books.outbox.place("a.json", b'{"id": "a", "text": "by hand"}')
    assert books.ledger.remembered("a") == Remembered("", None)
    assert books.ledger.reply("a") == {"id": "a", "text": "by hand"}
