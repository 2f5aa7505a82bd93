"""Attachment: the turns that are in flight over one container's channel.

The agent that owns the container calls everything but `settle`, from its own thread. `settle` comes from whoever
made the turn's end durable. What a dead container has left is kept until then, so that a host that dies in between
finds the answer, or the fact that the turn had begun, where it was.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from openclaw.agents.turn import Answer, Loss, Outcome, Turn
from openclaw.errors import ChannelViolation, RuntimeFailure

if TYPE_CHECKING:
    from openclaw.containers.channel import Channel
    from openclaw.message import Frame

log = logging.getLogger(__name__)


class Attachment:
    """One channel and its turns. `open` holds, by id, those that are neither answered nor lost."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.open: dict[str, Turn] = {}
        self._lock = threading.Lock()
        # Guarded by _lock: ids whose end is not durable yet, and whether the container is gone.
        self._unsettled: set[str] = set()
        self._retired = False

    def ask(self, turn: Turn, timeout: float) -> None:
        """Send the request for `turn`; `timeout` in seconds is told to the runner. Raises OSError or RuntimeFailure."""
        self.adopt(turn)
        body = {"message": turn.message.to_json(), "attempt": turn.attempt, "timeout_ms": round(timeout * 1000)}
        try:
            self.channel.send("request", turn.id, body)
        except (OSError, RuntimeFailure):
            del self.open[turn.id]
            raise

    def adopt(self, turn: Turn) -> None:
        """Take over a turn whose request lies in the channel already."""
        with self._lock:
            self._unsettled.add(turn.id)
        turn.attachment = self
        self.open[turn.id] = turn

    def begin(self, turn_id: str, now: float) -> None:
        """The runner has started on a turn."""
        turn = self.open.get(turn_id)
        if turn is not None and turn.begun is None:
            turn.begun = now

    def answer(self, frame: Frame) -> tuple[Turn, Answer] | None:
        """The turn that a response frame ends, None where it is not open any more."""
        turn = self.open.pop(frame.id, None)
        return None if turn is None else (turn, read_answer(frame))

    def lose(self, reason: str, now: float) -> list[tuple[Turn, Outcome]]:
        """The container is gone: every open turn ends, by its answer where one was left behind."""
        ended: list[tuple[Turn, Outcome]] = []
        for turn in self.open.values():
            try:
                response = self.channel.peek("response", turn.id)
                begun = response is None and self.channel.peek("started", turn.id) is not None
            except ChannelViolation as violation:  # what could not be read was written: it had begun
                log.error("What the container of message %s left behind is no frame: %s", turn.id, violation)
                response, begun = None, True
            if begun and turn.begun is None:
                turn.begun = now
            ended.append((turn, read_answer(response) if response else Loss(reason, turn.begun is not None)))
        self.open.clear()
        return ended

    def settle(self, turn_id: str) -> None:
        """The turn's end is durable elsewhere: nothing of it is needed here any more."""
        self.channel.forget(turn_id)
        with self._lock:
            self._unsettled.discard(turn_id)
            last = self._retired and not self._unsettled
        if last:
            self._discard()

    def retire(self) -> None:
        """The container is gone for good: remove the channel as soon as every turn is settled."""
        with self._lock:
            first = not self._retired
            self._retired = True
            last = first and not self._unsettled
        if last:
            self._discard()

    def _discard(self) -> None:
        """Nobody needs the channel any more; until now `settle` has worked in it."""
        self.channel.close()
        self.channel.destroy()


def read_answer(frame: Frame) -> Answer:
    """The answer in a response frame. What a container writes is checked key by key; a bad frame is a failed turn."""
    body = frame.body
    status, text, error, agent_ms = (body.get(key, "") for key in ("status", "text", "error", "agent_ms"))
    if status not in ("done", "failed", "cancelled") or not isinstance(text, str) or not isinstance(error, str):
        return Answer.failed("the agent's container sent a response that is not one")
    if not isinstance(agent_ms, int) or isinstance(agent_ms, bool):
        agent_ms = 0
    if status == "failed" and not error:
        error = "the agent gave no reason"
    return Answer(status, text, error, agent_ms)
