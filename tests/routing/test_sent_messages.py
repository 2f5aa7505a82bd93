"""What an agent sends before its reply: durable before it is said, once for each call, and only to its own group."""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from openclaw.agents.turn import Turn
from openclaw.message import Frame, Message
from openclaw.routing.agent_calls import AgentCalls
from openclaw.routing.ledger import Ledger
from openclaw.routing.sent_messages import MAX_TEXT, SentMessages
from openclaw.spool import Committer, DropDir
from tests.support.bare_attachment import bare_attachment
from tests.support.clock import FakeClock


class Office:
    """SentMessages over a real outbox; `answers` and `told` hold what comes of calls."""

    def __init__(self, root: Path, stack: ExitStack) -> None:
        self.outbox = root / "outbox"
        committer = stack.enter_context(closing(Committer(sync=False)))
        committer.start()
        work, outbox = (stack.enter_context(closing(DropDir(root / name))) for name in ("work", "outbox"))
        self.clock = FakeClock()
        self.ledger = Ledger(work, outbox, committer, self.clock)
        self.answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self.told: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        sent = SentMessages(self.ledger, self.clock, told=lambda parent, record: self.told.put((parent, record)))
        self._calls = AgentCalls(sent.tools)

    def turn(self, turn_id: str = "a", cid: str = "c1", attempt: int = 1, **message: Any) -> Turn:
        turn = Turn(Message("hello", id=turn_id, **message), 1, self.clock.monotonic(), self.clock.time())
        turn.attachment = bare_attachment(cid)
        turn.attempt = attempt
        return turn

    def send(self, turn: Turn, number: int = 3, **arguments: Any) -> dict[str, Any]:
        """What is answered to a call."""
        self._calls.called(turn, Frame("call", turn.id, {"tool": "send_message", "arguments": arguments}, number),
                           self.answers.put)  # fmt: skip
        return self.answers.get(timeout=10)

    def record(self, message_id: str) -> dict[str, Any]:
        record = json.loads((self.outbox / f"{message_id}.json").read_bytes())
        assert isinstance(record, dict)
        return record


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with ExitStack() as stack:
        yield Office(tmp_path, stack)


def test_it_is_a_reply_of_its_own_before_it_is_said(office: Office) -> None:
    answer = office.send(office.turn(session="s"), text="this takes a while")

    assert answer == {"value": {"id": "a.m3", "session": "s", "status": "sent"}}
    record = office.record("a.m3")
    assert {key: record[key] for key in ("id", "group", "session", "status", "text", "route", "attempt")} == {
        "id": "a.m3", "group": "main", "session": "s", "status": "done", "text": "this takes a while",
        "route": "persistent", "attempt": 1,
    }  # fmt: skip
    assert office.ledger.reply("a.m3") == {key: value for key, value in record.items() if key != "receipt"}


def test_the_running_message_s_events_tell_it(office: Office) -> None:
    office.send(office.turn(), text="hi")

    assert office.told.get(timeout=10) == ("a", {"id": "a.m3", "session": "default", "text": "hi"})


def test_it_goes_to_another_session_if_that_is_said_and_to_no_other_group(office: Office) -> None:
    answer = office.send(office.turn(group="friends"), text="hi", session="other")

    assert answer["value"]["session"] == "other"
    assert office.record("a.m3")["group"] == "friends"
    assert "takes" in office.send(office.turn(group="friends"), 4, text="hi", group="main")["error"]


def test_a_call_that_is_heard_again_sends_nothing_again(office: Office) -> None:
    office.send(office.turn(), text="hi")
    before = (office.outbox / "a.m3.json").stat()

    assert office.send(office.turn(), text="hi")["value"]["id"] == "a.m3"
    after = (office.outbox / "a.m3.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_second_attempt_sends_under_ids_of_its_own(office: Office) -> None:
    office.send(office.turn(), text="hi")

    assert office.send(office.turn(cid="c2", attempt=2), text="again")["value"]["id"] == "a.m4003"
    assert office.record("a.m3")["text"] == "hi"


def test_what_is_there_under_its_id_and_is_another_s_is_left_and_said(office: Office) -> None:
    office.send(office.turn(cid="c0"), text="of an earlier life")

    assert "could not be sent" in office.send(office.turn(), text="hi")["error"]
    assert office.record("a.m3")["text"] == "of an earlier life"


@pytest.mark.parametrize("damage", [b"", b"[]", b"{}"])
def test_what_is_there_and_damaged_is_left_and_said(office: Office, damage: bytes) -> None:
    (office.outbox / "a.m3.json").write_bytes(damage)

    assert "could not be sent" in office.send(office.turn(), text="hi")["error"]


def test_a_subagent_does_not_talk_to_the_user(office: Office) -> None:
    assert "put it into your answer" in office.send(office.turn("a.s1"), text="hi")["error"]
    assert not list(office.outbox.iterdir())


def test_a_cancelled_message_sends_nothing_more(office: Office) -> None:
    turn = office.turn()
    turn.cancelled = True

    assert "cancelled" in office.send(turn, text="hi")["error"]


@pytest.mark.parametrize(
    "arguments",
    [
        *({}, {"text": ""}, {"text": " \n"}, {"text": 1}, {"text": "x" * (MAX_TEXT + 1)}, {"session": "s"}),
        *({"text": "x", "session": "../x"}, {"text": "x", "session": 1}, {"text": "x", "to": "y"}),
    ],
)
def test_what_cannot_be_sent_is_said(office: Office, arguments: dict[str, Any]) -> None:
    error = office.send(office.turn(), **arguments)["error"]

    assert '"text"' in error or '"session"' in error
    assert not list(office.outbox.iterdir())
