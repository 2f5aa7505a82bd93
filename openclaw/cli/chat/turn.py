"""Turn: one message on its way, from the sending to the reply, and how that is drawn.

Belongs to the main thread. A Follower tells it by the inbox what happens; what is not of this turn is kept beside.
"""

from __future__ import annotations

from typing import Any, Final

from openclaw.cli.chat.beside import Beside, how_it_ended
from openclaw.cli.chat.errands import Errands
from openclaw.cli.chat.follower import Connect, Follower
from openclaw.cli.chat.inbox import Away, Back, Happened, Inbox, Interrupted, NotCancelled, Refused, Update, WaitsFor
from openclaw.cli.chat.screen import Screen
from openclaw.cli.chat.turn_view import TurnView
from openclaw.cli.client import ServiceDown
from openclaw.cli.event_stream import Event
from openclaw.cli.terminal import one_line, printable
from openclaw.clock import Clock
from openclaw.errors import OpenClawError
from openclaw.message import Message

FIRST_LOOK: Final = 0.3
"""Seconds after which a turn that shows nothing yet gets a status line; most offline answers are there by then."""

TICK: Final = 1.0
"""Seconds between two drawings of the time that a turn has taken."""

PATIENCE: Final = 60.0
"""Seconds that a conversation without a person waits for a service that went away."""


class Interrupt(OpenClawError):
    """Ctrl-C, where no person is there who could be asked what to do next."""


class Turn:
    """One message on its way, from the sending to the reply. `run` is all there is to do with it."""

    def __init__(
        self,
        message: Message,
        connect: Connect,
        *,
        inbox: Inbox,
        beside: Beside,
        screen: Screen,
        clock: Clock,
        person: bool,
    ) -> None:
        self._message = message
        self._follower = Follower(connect, message, inbox)
        self._errands = Errands(connect, message, inbox)
        self._inbox = inbox
        self._beside = beside
        self._screen = screen
        self._clock = clock
        self._person = person
        self._view = TurnView(message.id)
        self._began = self._clock.monotonic()
        self._away_since: float | None = None
        self._interrupted = False

    @property
    def refused(self) -> bool:
        """Whether the service did not take the message, and said so."""
        return self._follower.refused

    def run(self) -> dict[str, Any] | None:
        """The reply; None for one refused or given up. Raises Interrupt, and ServiceDown after PATIENCE."""
        try:
            self._follower.start()
            return self._await()
        finally:
            self._screen.status("")

    def _await(self) -> dict[str, Any] | None:
        pause = FIRST_LOOK
        while True:
            update = self._inbox.get(pause if self._screen.live or self._away_since is not None else None)
            match update:
                case None:
                    self._look()
                    pause = TICK
                case Interrupted():
                    if self._interrupt():
                        return None
                case Happened(self._message.id, Event(_, "done", reply)):
                    return self._done(reply)
                case Refused(self._message.id, reason):
                    self._screen.note(f"openclaw: {reason}")
                    return None
                case _:
                    self._hear(update)
            if update is not None:
                self._draw(pause == TICK)

    def _hear(self, update: Update) -> None:
        """Something after which the turn goes on, or that is not of this turn."""
        match update:
            case Happened(self._message.id, event):
                self._happened(event)
            case Away(self._message.id, reason):
                self._is_away(reason)
            case Back(self._message.id):
                self._is_back()
            case WaitsFor(self._message.id, reason):
                self._view.waits_for = one_line(reason)
            case NotCancelled(self._message.id, reason):
                self._view.cancelling = False
                self._screen.note(f"openclaw: it could not be cancelled: {reason}")
            case _:
                self._beside.keep(update)

    def _happened(self, event: Event) -> None:
        if event.name == "subagent":
            self._beside.expect(str(event.data.get("id")))
        if event.name == "message":
            self._screen.end()
            self._screen.text(printable(f"[{event.data.get('id')}] {event.data.get('text')}\n"))
        text = self._view.take(event)
        if self._screen.live:
            self._screen.text(text)

    def _done(self, reply: dict[str, Any]) -> dict[str, Any]:
        self._screen.status("")
        text = str(reply.get("text") or "")
        self._screen.text(self._view.rest(text) if self._screen.live else printable(text))
        self._screen.end()
        if reply.get("status") != "done":
            self._screen.note(f"openclaw: {how_it_ended(reply)}")
        self._beside.expect_all(reply)
        if self._interrupted and not self._person:
            raise Interrupt("interrupted")
        return reply

    def _draw(self, shown: bool) -> None:
        """The status line, once a turn has taken so long that there is one, or does what is worth one."""
        if shown or self._view.busy:
            self._screen.status(self._view.status(self._clock.monotonic() - self._began))

    def _look(self) -> None:
        """A moment has passed without news."""
        self._draw(True)
        if self._away_since is not None and not self._person:
            self._lose_patience(self._clock.monotonic() - self._away_since)
        if self._view.queued and not self._view.started and self._away_since is None:
            self._errands.ask_why()

    def _lose_patience(self, away_s: float) -> None:
        if away_s > PATIENCE:
            self._follower.stop()
            raise ServiceDown(
                f"the service has been away for {PATIENCE:.0f} s; if it had taken the message {self._message.id}, it"
                " answers that once it runs again"
            )

    # Losses

    def _is_away(self, reason: str) -> None:
        self._view.away = True
        self._away_since = self._clock.monotonic()
        what = "Ctrl-C gives the message up." if self._person else f"It is waited for, {PATIENCE:.0f} s at most."
        self._screen.note(f"openclaw: {reason}. {what}")

    def _is_back(self) -> None:
        self._view.away = False
        self._away_since = None
        self._screen.note("openclaw: the service is back; the conversation goes on.")

    def _interrupt(self) -> bool:
        """Ctrl-C: whether the turn is not waited for any more."""
        if self._interrupted or self._view.away:
            self._give_up()
            return True
        self._interrupted = self._view.cancelling = True
        self._errands.cancel()
        return False

    def _give_up(self) -> None:
        if self._view.away and not self._view.queued:
            self._follower.stop()
            self._screen.note(f"openclaw: given up; if the service had taken {self._message.id}, it is answered there.")
        else:
            self._beside.leave(self._follower)
            self._screen.note(f"openclaw: {self._message.id} is left to itself; its reply is shown when it comes.")
        if not self._person:
            raise Interrupt("interrupted")
