"""RunningTurns: the turns inside one persistent container, with their time limits and cancellations.

Belongs to the main agent's thread, which calls everything here; lives as long as the container. A turn that is
cancelled, or over its limit, is ended by the runner; one that it does not end within CANCEL_GRACE is ended without it.
A request that the disk does not take is written later, within the turn's limit: the message was accepted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from openclaw.agents.turn import Answer, Outcome, Turn
from openclaw.errors import RuntimeFailure

if TYPE_CHECKING:
    from openclaw.agents.attachment import Attachment
    from openclaw.clock import Clock, Timer
    from openclaw.message import Frame

log = logging.getLogger(__name__)

WRITE_PAUSE = 1.0
"""Seconds until a request that the disk did not take is written again."""

CANCEL_GRACE = 5.0
"""Seconds that a runner has to confirm a cancelled turn before the turn is ended without it."""


class Later(Protocol):
    """Has `act(*args)` called by the owner's thread after `delay` seconds, unless the container is gone by then."""

    def __call__(self, delay: float, act: Callable[..., None], /, *args: str) -> Timer: ...


class RunningTurns:
    """The turns over one attachment, each for at most `limit` seconds; `ended` is told how each went."""

    def __init__(
        self,
        attachment: Attachment,
        limit: float,
        clock: Clock,
        later: Later,
        ended: Callable[[Turn, Outcome], None],
    ) -> None:
        self.attachment = attachment
        self._limit = limit
        self._clock = clock
        self._later = later
        self._ended = ended
        self._deadlines: dict[str, float] = {}  # turn id → monotonic; set in order, so the first is the next
        self._timer_set = False
        self._cancelling: dict[str, Answer] = {}  # turn id → how it ends if the runner does not confirm
        self._unwritten: dict[str, Answer] = {}  # turn id → how it ends if its request cannot be written in time

    def __len__(self) -> int:
        return len(self.attachment.open)

    def run(self, turn: Turn) -> None:
        """Send the turn's request."""
        turn.route = "persistent"
        turn.sends += 1
        self._set_deadline(turn.id)
        self._ask(turn)

    def _ask(self, turn: Turn) -> None:
        try:
            self.attachment.ask(turn, self._limit)
        except RuntimeFailure as error:
            reason = f"the request could not be written: {error}"
            if isinstance(error.__cause__, OSError):
                self._ask_later(turn, reason)
            else:  # it never will be: it is too large
                answer = Answer.failed(reason)
                self._forget(turn.id)
                self.attachment.settle(turn.id)
                self._ended(turn, answer)
        else:
            self._unwritten.pop(turn.id, None)

    def _ask_later(self, turn: Turn, reason: str) -> None:
        if turn.id not in self._unwritten:
            log.warning("Message %s waits for the disk: %s", turn.id, reason)
        self._unwritten[turn.id] = Answer.failed(f"{reason}; then send it again")  # it is not kept any longer then
        self.attachment.open[turn.id] = turn  # it is one of this container's, should that end
        self._later(WRITE_PAUSE, self._ask_again, turn.id)

    def _ask_again(self, turn_id: str) -> None:
        turn = self.attachment.open.get(turn_id)
        if turn is not None and turn_id in self._unwritten:
            self._ask(turn)

    def adopt(self, turns: list[Turn]) -> None:
        """Take over turns whose requests lie in the channel already; their limits begin anew."""
        for turn in turns:
            turn.route = "persistent"
            self.attachment.adopt(turn)
            self._set_deadline(turn.id)

    def frame(self, frame: Frame) -> None:
        """A frame about a turn has come."""
        if frame.kind == "started":
            self.attachment.started(frame.id, self._clock.monotonic())
        elif frame.kind == "call":
            self.attachment.called(frame)
        elif frame.kind == "response":
            self._answered(frame)

    def _answered(self, frame: Frame) -> None:
        """The runner has ended a turn; one that it had been told to cancel ends as it was to be ended, with what was
        said until then."""
        ended = self.attachment.ended(frame)
        if ended is None:
            return
        turn, answer = ended
        cancelled = self._forget(turn.id)
        if cancelled is not None and answer.status == "cancelled":
            answer = cancelled._replace(text=answer.text, record=answer.record)
        self._ended(turn, answer)

    def cancel(self, turn_id: str, answer: Answer) -> None:
        """Tell the runner; what it says within the grace counts as `answer` unless it had finished."""
        if turn_id not in self.attachment.open or turn_id in self._cancelling:
            return
        if turn_id in self._unwritten:  # no runner knows of it
            turn = self.attachment.open.pop(turn_id)
            self._forget(turn_id)
            self._ended(turn, answer)
            return
        self._cancelling[turn_id] = answer
        self._later(CANCEL_GRACE, self._cancel_overdue, turn_id)
        try:
            self.attachment.channel.send("cancel", turn_id, {})
        except (OSError, RuntimeFailure) as error:
            log.warning("Main's runner could not be told to cancel %s: %s", turn_id, error)

    def lose(self, reason: str) -> list[tuple[Turn, Outcome]]:
        """The container is gone: how every turn ends, by the answer that was left behind where there is one."""
        ended: list[tuple[Turn, Outcome]] = []
        for turn, outcome in self.attachment.lose(reason, self._clock.monotonic()):
            cancelled = self._forget(turn.id)
            ended.append((turn, outcome if cancelled is None or isinstance(outcome, Answer) else cancelled))
        return ended

    def drop(self, turn: Turn) -> None:
        """Have no more to do with a turn; what its runner still says of it is of no interest."""
        self.attachment.open.pop(turn.id, None)
        self._forget(turn.id)

    def _cancel_overdue(self, turn_id: str) -> None:
        turn = self.attachment.open.get(turn_id)
        if turn is None or turn_id not in self._cancelling:
            return
        log.warning("Main's runner did not confirm that %s was cancelled", turn_id)
        del self.attachment.open[turn_id]
        answer = self._forget(turn_id)
        assert answer is not None
        self._ended(turn, answer)

    def _forget(self, turn_id: str) -> Answer | None:
        """Drop the turn's limit; how it was to end where it was being cancelled."""
        self._deadlines.pop(turn_id, None)
        self._unwritten.pop(turn_id, None)
        return self._cancelling.pop(turn_id, None)

    def _set_deadline(self, turn_id: str) -> None:
        """One timer waits for the earliest limit: they come due in the order in which they are set."""
        self._deadlines[turn_id] = self._clock.monotonic() + self._limit
        if not self._timer_set:
            self._timer_set = True
            self._later(self._limit, self._deadline)

    def _deadline(self) -> None:
        self._timer_set = False
        now = self._clock.monotonic()
        while self._deadlines:
            turn_id, due = next(iter(self._deadlines.items()))
            if due > now:
                self._timer_set = True
                self._later(due - now, self._deadline)
                return
            log.warning("Message %s took longer than %.0f s; cancelling it", turn_id, self._limit)
            del self._deadlines[turn_id]
            late = Answer.failed(f"timed out after {self._limit:.0f} s (PERSISTENT_REQUEST_TIMEOUT)")
            self.cancel(turn_id, self._unwritten.get(turn_id, late))
