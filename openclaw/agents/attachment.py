"""Attachment: the turns that are in flight over one container's channel.

The agent that owns the container calls everything but `settle`, `answer` and `retire`, from its own thread. `settle`
comes from whoever made the turn's end durable, `answer` from whoever has what an agent asked for, `retire` from whoever
knows that the container is gone. What a dead container has left is kept until the turn is settled, so that a host that
dies in between finds the answer, or the fact that the turn had begun, where it was.
"""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from openclaw.agents.turn import Answer, Loss, Outcome, Turn
from openclaw.errors import ChannelViolation, InvalidMessage, RuntimeFailure
from openclaw.message import FrameName, Record

if TYPE_CHECKING:
    from openclaw.agents.turn import TurnListener
    from openclaw.containers.channel import Channel
    from openclaw.containers.event_tail import Event
    from openclaw.message import Frame

log = logging.getLogger(__name__)


class Attachment:
    """One channel and its turns. `open` holds, by id, those that are neither answered nor lost."""

    def __init__(self, channel: Channel, listener: TurnListener) -> None:
        self.channel = channel
        self.open: dict[str, Turn] = {}
        self._listener = listener
        self._lock = threading.Lock()
        # Guarded by _lock: ids whose end is not durable yet, how many threads are at work in the channel, and whether
        # the container is gone. The channel may be let go of when all three allow it.
        self._unsettled: set[str] = set()
        self._busy = 0
        self._retired = False
        self._discarded = False
        self._taken_over: set[str] = set()  # ids of turns on which the runner may have begun before this process did

    def ask(self, turn: Turn, timeout: float) -> None:
        """Send the request for `turn`; `timeout` in seconds is told to the runner. Raises RuntimeFailure."""
        self._take(turn)
        try:
            self.channel.send("request", turn.id, turn.request(timeout))
        except RuntimeFailure:
            del self.open[turn.id]
            raise

    def adopt(self, turn: Turn) -> None:
        """Take over a turn whose request lies in the channel already."""
        self._taken_over.add(turn.id)  # audit: ok 6.2 once for each turn in flight at the start, and none later
        self._take(turn)

    def _take(self, turn: Turn) -> None:
        with self._lock:
            self._unsettled.add(turn.id)
        turn.attachment = self
        self.open[turn.id] = turn

    def started(self, turn_id: str, now: float) -> None:
        """The runner has begun on a turn."""
        turn = self.open.get(turn_id)
        if turn is not None and turn.begun is None:
            turn.begun = self._begun(turn, now)
            self._listener.begun(turn)

    def _begun(self, turn: Turn, now: float) -> float:
        """When the runner began on it: just now, or where it was taken over, when it wrote that it had."""
        written = self.channel.written_at("started", turn.id) if turn.id in self._taken_over else None
        if written is None:
            return now
        return min(now, max(turn.accepted, turn.accepted + written - turn.accepted_at))

    def happened(self, turn_id: str, events: list[Event]) -> None:
        """Deltas and tool uses of a turn."""
        turn = self.open.get(turn_id)
        if turn is not None:
            self._listener.happened(turn, events)

    def called(self, call: Frame) -> None:
        """A turn asks the host for something."""
        turn = self.open.get(call.id)
        if turn is not None:
            self._listener.called(turn, call, partial(self.answer, FrameName(call.kind, call.id, call.number)))

    def answer(self, call: FrameName, body: dict[str, Any]) -> None:
        """Give a call its result; any thread, at any time: a turn that is over by then is told nothing."""
        with self._lock:
            if call.id not in self._unsettled:
                return
            self._busy += 1
        try:
            self.channel.answer(call, body)
        except RuntimeFailure as error:
            log.error("the result of call %d of %s could not be told: %s", call.number, call.id, error)
        finally:
            self._idle()

    def ended(self, frame: Frame) -> tuple[Turn, Answer] | None:
        """The turn that a response frame ends, None where it is not open any more."""
        turn = self.open.pop(frame.id, None)
        return None if turn is None else (turn, read_answer(frame))

    def lose(self, reason: str, now: float) -> list[tuple[Turn, Outcome]]:
        """The container is gone: every open turn ends, by its answer where one was left behind."""
        ended = [(turn, self._left_behind(turn, reason, now)) for turn in self.open.values()]
        self.open.clear()
        return ended

    def _left_behind(self, turn: Turn, reason: str, now: float) -> Outcome:
        try:
            response = self.channel.peek("response", turn.id)
            if response is not None:
                return read_answer(response)
            begun = self.channel.peek("started", turn.id) is not None
        except ChannelViolation as violation:  # what could not be read was written: it had begun
            log.error("What the container of message %s left behind is no frame: %s", turn.id, violation)
            begun = True
        if begun and turn.begun is None:
            turn.begun = self._begun(turn, now)
        return Loss(reason, turn.begun is not None)

    def settle(self, turn_id: str) -> None:
        """The turn's end is durable elsewhere: nothing of it is needed here any more."""
        with self._lock:
            if turn_id not in self._unsettled:
                return
            self._unsettled.discard(turn_id)
            self._busy += 1
        try:
            self.channel.forget(turn_id)
        finally:
            self._idle()

    def _idle(self) -> None:
        with self._lock:
            self._busy -= 1
        self._discard_if_last()

    def retire(self) -> None:
        """The container is gone for good: have the channel removed as soon as every turn is settled."""
        with self._lock:
            self._retired = True
        self._discard_if_last()

    def _discard_if_last(self) -> None:
        with self._lock:
            last = self._retired and not self._unsettled and not self._busy and not self._discarded
            self._discarded |= last
        if last:
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
    return Answer(status, text, error, agent_ms, _record(frame))


def _record(frame: Frame) -> Record | None:
    """What the turn leaves to its session; a bad one costs the session this turn, and the sender nothing."""
    if "record" not in frame.body:
        return None
    try:
        return Record.from_json(frame.body["record"])
    except InvalidMessage as error:
        log.error("What message %s leaves to its session is not kept: %s", frame.id, error)
        return None
