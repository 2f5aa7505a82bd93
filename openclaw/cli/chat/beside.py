"""Beside: what comes beside the turn that is being answered, kept until it is shown between turns.

Belongs to the main thread. These are the replies of subagents, and of turns that were left to themselves.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from openclaw.cli.chat.follower import Connect, Follower
from openclaw.cli.chat.inbox import Arrived, Happened, Inbox, Interrupted, Line, Refused, Update
from openclaw.cli.chat.late import LateReplies
from openclaw.cli.event_stream import Event
from openclaw.cli.terminal import printable


class Beside:
    """`expected` is how many replies are still to come."""

    def __init__(self, connect: Connect, inbox: Inbox) -> None:
        self.expected = 0
        self._inbox = inbox
        self._late = LateReplies(connect, inbox)
        self._kept: deque[Update] = deque()

    def keep(self, update: Update) -> None:
        """Keep what is of no turn that is being answered; what a person did is over."""
        if not isinstance(update, Interrupted | Line):
            self._kept.append(update)

    def expect(self, subagent: str) -> None:
        """Wait for the reply of this one, whoever says so, once."""
        self.expected += self._late.expect(subagent)

    def expect_all(self, reply: dict[str, Any]) -> None:
        """Wait for the replies of a reply's subagents."""
        for subagent in reply.get("subagents", ()):
            self.expect(str(subagent))

    def leave(self, follower: Follower) -> None:
        """The turn is left to itself; its reply comes beside others."""
        follower.leave()
        self.expected += 1

    def arrived(self) -> list[str]:
        """What has come since it was asked last, each as it is to be shown."""
        while (update := self._inbox.get_now()) is not None:
            self.keep(update)
        found = []
        while self._kept:
            if text := self._shown(self._kept.popleft()):
                found.append(text)
        return found

    def close(self) -> None:
        """Wait for nothing any more."""
        self._late.stop()

    def _shown(self, update: Update) -> str:
        """How it is shown; nothing for what is of no interest here."""
        match update:
            case Arrived(message_id, reply):
                self.expected -= 1
                return _marked(message_id, reply)
            case Refused(message_id, reason):
                self.expected -= 1
                return f"[{message_id}] {printable(reason)}"
            case Happened(message_id, Event(_, "done", reply)):
                self.expected -= 1
                self.expect_all(reply)
                return _marked(message_id, reply)
        return ""


def _marked(message_id: str, reply: dict[str, Any]) -> str:
    """A reply that comes by itself, with whose it is."""
    text = printable(str(reply.get("text") or ""))
    if reply.get("status") != "done":
        text = f"{how_it_ended(reply)}\n{text}".rstrip()
    return f"[{message_id}] {text}"


def how_it_ended(reply: dict[str, Any]) -> str:
    """Of a reply that is no answer: its status, and why."""
    status, why = str(reply.get("status")), printable(str(reply.get("error") or "no reason given"))
    return status if why == status else f"{status}: {why}"
