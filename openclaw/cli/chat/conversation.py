"""Conversation: messages of one session, one after another, each seen through to its reply.

Belongs to the main thread; Followers and LateReplies, on threads of their own, tell it by its Inbox.
"""

from __future__ import annotations

import secrets

from openclaw.cli.chat.beside import Beside
from openclaw.cli.chat.follower import Connect
from openclaw.cli.chat.inbox import Inbox
from openclaw.cli.chat.screen import Screen
from openclaw.cli.chat.turn import Turn
from openclaw.clock import Clock
from openclaw.message import Message


class Conversation:
    """`connect` gives each thread a client of its own. `person`: somebody is there, who can be told and asked."""

    def __init__(self, connect: Connect, screen: Screen, clock: Clock, *, person: bool) -> None:
        self.inbox = Inbox()
        self.beside = Beside(connect, self.inbox)
        self.screen = screen
        self.last_id = ""
        """The message that was sent last."""
        self.refused = False
        """Whether the service did not take it, and said so."""
        self._connect = connect
        self._clock = clock
        self._person = person

    def say(self, message: Message) -> bool:
        """Send `message` and show its answer; whether it was answered. Raises Interrupt and ServiceDown, as Turn.

        Ctrl-C cancels the turn. A second one leaves it to itself where a person is there: its reply comes later.
        """
        message = message if message.id else message.with_id(secrets.token_hex(8))
        self.last_id = message.id
        turn = Turn(
            message,
            self._connect,
            inbox=self.inbox,
            beside=self.beside,
            screen=self.screen,
            clock=self._clock,
            person=self._person,
        )
        reply = turn.run()
        self.refused = turn.refused
        return reply is not None and reply.get("status") == "done"

    def show_arrived(self) -> None:
        """Show what has come beside the turns."""
        for text in self.beside.arrived():
            self.screen.end()
            self.screen.text(f"{text}\n")
