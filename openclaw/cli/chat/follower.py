"""Follower: sends one message and follows it to its reply, through every loss of the service.

Owns one thread, which tells an Inbox what it hears. The message's id was chosen before, so that it is one message
however often it is sent; the last event's id says from where to go on. A service that is away is tried again after a
pause, which grows up to LONGEST_PAUSE; `stop` ends that at once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from openclaw.cli.chat.inbox import Away, Back, Happened, Inbox, Refused
from openclaw.cli.client import CallRefused, Client, ServiceDown
from openclaw.cli.event_stream import Event
from openclaw.errors import OpenClawError
from openclaw.message import Message

log = logging.getLogger(__name__)

FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 4.0
"""Seconds between two tries."""

FINAL: Final = ("done", "failed", "cancelled")
_LATER: Final = (429, 503)
"""The queue is full, or the disk does not take it: what is refused now is taken later."""

Connect = Callable[[], Client]


class Follower:
    """Follows `message`, which has an id, until its reply, a refusal or `stop`."""

    def __init__(self, connect: Connect, message: Message, inbox: Inbox) -> None:
        self._connect = connect
        self.message = message
        self._inbox = inbox
        self.refused = False
        """Whether the service did not take the message, from when the inbox is told so."""
        self._stopped = threading.Event()
        self._quiet = threading.Event()
        # Owned by the thread: whether the message was taken, the last event's id, and whether the service is away.
        self._taken = False
        self._after = ""
        self._away = False

    def start(self) -> None:
        threading.Thread(target=self._main, name=f"follow-{self.message.id}", daemon=True).start()

    def stop(self) -> None:
        """Try no more; a call that is under way ends by itself."""
        self._stopped.set()

    def leave(self) -> None:
        """Tell of the reply alone from now on."""
        self._quiet.set()

    def _main(self) -> None:
        try:
            self._run()
        except Exception as error:  # the top of the thread: else its message would be waited for in vain
            log.exception("the message %s is not followed any more", self.message.id)
            self._inbox.put(Refused(self.message.id, f"it is not followed any more, by a fault here: {error!r}"))

    def _run(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopped.is_set():
            before = self._after
            try:
                if self._follow():
                    return
            except CallRefused as refused:
                if refused.status not in _LATER:
                    self.refused = not self._taken
                    self._inbox.put(Refused(self.message.id, str(refused)))
                    return
                self._is_away(str(refused))
            except ServiceDown as down:
                self._is_away(str(down))
            except OpenClawError as error:  # what answers is not what it should be
                self._inbox.put(Refused(self.message.id, str(error)))
                return
            pause = FIRST_PAUSE if self._after != before else pause
            self._stopped.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _follow(self) -> bool:
        """Send what was not taken, then hear; whether it is over."""
        with self._connect() as client:
            if not self._taken:
                client.post("/messages", self.message.to_json())
                self._taken = True
            elif self._away:
                client.get(f"/messages/{self.message.id}")  # answers at once, which a stream need not
            self._is_back()
            for event in client.events(self.message.id, self._after):
                self._after = event.id
                if event.name == "done" or not self._quiet.is_set():
                    self._inbox.put(Happened(self.message.id, event))
                if event.name == "done":
                    return True
            reply = client.get(f"/messages/{self.message.id}")  # a stream that was read to its end tells no more
            if reply.get("status") in FINAL:
                self._inbox.put(Happened(self.message.id, Event("", "done", reply)))
                return True
        return False

    def _is_away(self, reason: str) -> None:
        if not self._away and not self._quiet.is_set():
            self._inbox.put(Away(self.message.id, reason))
        self._away = True

    def _is_back(self) -> None:
        if self._away and not self._quiet.is_set():
            self._inbox.put(Back(self.message.id))
        self._away = False
