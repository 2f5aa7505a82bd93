"""A turn as it is drawn, from what its threads tell; there is no service, so nothing else tells anything."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from openclaw.cli.chat.beside import Beside
from openclaw.cli.chat.inbox import Away, Back, Happened, Inbox, Interrupted, Refused
from openclaw.cli.chat.screen import Page
from openclaw.cli.chat.turn import Interrupt, Turn
from openclaw.cli.client import Client, ServiceDown
from openclaw.cli.event_stream import Event
from openclaw.message import Message
from tests.support.talking import free_port

Told = tuple[str, dict[str, Any]]


class HurryingClock:
    """Time that passes by looking at it: 40 s each time."""

    now = 0.0

    def monotonic(self) -> float:
        self.now += 40.0
        return self.now

    def time(self) -> float:
        return 0.0


class Stage:
    """A turn of the message "a", its inbox, and what is drawn."""

    def __init__(self, *, person: bool) -> None:
        self.inbox = Inbox()
        self.out, self.notes = io.StringIO(), io.StringIO()
        nobody = f"http://127.0.0.1:{free_port()}"
        self.beside = Beside(lambda: Client(nobody), self.inbox)
        self._turn = Turn(
            Message("hello", id="a"),
            lambda: Client(nobody),
            inbox=self.inbox,
            beside=self.beside,
            screen=Page(self.out, self.notes),
            clock=HurryingClock(),
            person=person,
        )

    def tell(self, *events: Told, of: str = "a") -> None:
        for name, data in events:
            self.inbox.put(Happened(of, Event("", name, data)))

    def run(self) -> dict[str, Any] | None:
        try:
            return self._turn.run()
        finally:
            self.beside.close()


@pytest.fixture
def stage() -> Callable[..., Stage]:
    def make(*, person: bool = True) -> Stage:
        return Stage(person=person)

    return make


DONE = {"id": "a", "status": "done", "text": "all of it"}


def test_what_an_agent_sends_before_its_reply_is_shown_at_once_with_its_id(stage: Callable[..., Stage]) -> None:
    turn = stage()
    turn.tell(("message", {"id": "a.m3", "session": "default", "text": "a moment\x1b"}), ("done", DONE))
    assert turn.run() == DONE
    assert turn.out.getvalue() == "[a.m3] a moment\ufffd\nall of it\n"


def test_what_is_of_another_message_is_kept_and_shown_between_turns(stage: Callable[..., Stage]) -> None:
    turn = stage()
    turn.tell(("done", {"id": "b", "status": "failed", "text": "", "error": "no"}), of="b")
    turn.tell(("done", DONE))
    turn.run()
    assert turn.out.getvalue() == "all of it\n"
    assert turn.beside.arrived() == ["[b] failed: no"]
    assert turn.beside.arrived() == []


def test_a_message_that_is_refused_says_why(stage: Callable[..., Stage]) -> None:
    turn = stage()
    turn.inbox.put(Refused("a", "Unknown group: there is none"))
    assert turn.run() is None
    assert turn.notes.getvalue() == "openclaw: Unknown group: there is none\n"


def test_without_a_person_a_service_that_stays_away_is_given_up(stage: Callable[..., Stage]) -> None:
    turn = stage(person=False)
    with pytest.raises(ServiceDown, match="has been away for 60 s"):
        turn.run()
    assert "It is waited for, 60 s at most." in turn.notes.getvalue()


def test_with_one_it_is_waited_for_and_ctrl_c_gives_the_message_up(stage: Callable[..., Stage]) -> None:
    turn = stage()
    for update in (Away("a", "gone"), Back("a"), Away("a", "gone again"), Interrupted()):
        turn.inbox.put(update)
    assert turn.run() is None
    lines = turn.notes.getvalue().splitlines()
    assert lines[0] == "openclaw: gone. Ctrl-C gives the message up."
    assert lines[1] == "openclaw: the service is back; the conversation goes on."
    assert lines[-1].startswith("openclaw: given up; if the service had taken a")


def test_a_second_ctrl_c_ends_a_conversation_without_a_person(stage: Callable[..., Stage]) -> None:
    turn = stage(person=False)
    turn.tell(("queued", {"id": "a"}))
    turn.inbox.put(Interrupted())
    turn.inbox.put(Interrupted())
    with pytest.raises(Interrupt):
        turn.run()
