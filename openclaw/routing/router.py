"""The router: accepts messages, keeps each session in order, and sees every turn through to its reply.

    accept → [work/ID.json durable] → lane → agent → Answer → deliver → settled
                                       ↑               Loss ─┐
                                       └── attempt 2 durable ┘

Called from HTTP threads and the inbox's (accept, cancel, progress) and from the agents' threads (ended). One lock
guards the lanes; files are written and agents are called without it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from openclaw.agents.turn import LAST_ATTEMPT, LAST_SEND, Answer, Loss, Outcome, Turn, group_title
from openclaw.errors import MessageRefused, NotDurable
from openclaw.message import Message, complexity_signals
from openclaw.routing.desk import Draft, Receipt
from openclaw.routing.lanes import Lanes
from openclaw.routing.reservations import Place

if TYPE_CHECKING:
    from openclaw.routing.ledger import Ledger
    from openclaw.routing.reservations import Reservations
    from openclaw.routing.sessions import Sessions

log = logging.getLogger(__name__)

A = TypeVar("A")
R = TypeVar("R")

class Agents(Protocol):
    """Where turns go. Both methods only hand over and never block."""

    def submit(self, turn: Turn) -> None: ...

    def cancel(self, turn: Turn) -> None: ...


class Router:
    """The desk at which messages are accepted, and the way of each turn from there to its answer."""

    def __init__(
        self,
        reservations: Reservations,
        ledger: Ledger,
        sessions: Sessions,
        *,
        deliver: Callable[[Turn, Answer], None],
        hand_over: Callable[[Callable[[], None]], None],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """`hand_over` has delivery's thread call a function, which may wait for the disk; it never waits itself.

        `changed` is called when there are more turns than before; it takes a microsecond.
        """
        self._reservations = reservations
        self._ledger = ledger
        self._sessions = sessions
        self._deliver = deliver
        self._hand_over = hand_over
        self._changed = changed
        self._agents: Agents | None = None
        self._lock = threading.Lock()
        # Guarded by _lock: the lanes, the state of each turn in them, whether turns are dispatched; and those that an
        # agent had taken over and has handed back before they are.
        self._lanes = Lanes()
        self._handed_back: set[Turn] = set()
        self._open = False

    # The desk

    def accept(self, message: Message) -> Receipt:
        """Accept one message; returns once it is durable. Raises a MessageRefused that says why not."""
        place = self._reservations.reserve(message)
        if isinstance(place, Receipt):
            return place
        self._reservations.confirm(place)
        if place.fresh:
            self._enqueue([place.turn])
        return Receipt(place.turn.id, not place.fresh)

    def accept_all(self, drafts: list[Draft]) -> list[Receipt | MessageRefused]:
        """Accept the messages of dropped files, in order; their files are written side by side."""
        return self._confirm([_result(self._reservations.reserve_draft, draft) for draft in drafts])

    def accept_each(self, messages: list[Message]) -> list[Receipt | MessageRefused]:
        """As `accept` for each of them, in order; their files are written side by side."""
        return self._confirm([_result(self._reservations.reserve, message) for message in messages])

    def _confirm(self, places: list[Place | Receipt | MessageRefused]) -> list[Receipt | MessageRefused]:
        """Wait for the files of these places, then let their turns join their lanes."""
        fresh: list[Turn] = []
        receipts: list[Receipt | MessageRefused] = []
        try:
            for place in places:
                if not isinstance(place, Place):
                    receipts.append(place)
                    continue
                refused = _result(self._reservations.confirm, place)
                if refused is not None:
                    receipts.append(refused)
                    continue
                if place.fresh:
                    fresh.append(place.turn)
                receipts.append(Receipt(place.turn.id, not place.fresh))
        finally:
            self._enqueue(fresh)  # whatever became of the others: these are accepted
        return receipts

    def run(self, turn: Turn) -> None:
        """Take a turn that is durable already."""
        self._enqueue([turn])

    def cancel(self, message_id: str) -> bool:
        """Cancel what is in flight; False where nothing of that id is. The reply says how it ended."""
        turn = self._reservations.find(message_id)
        if turn is None:
            return False
        with self._lock:
            again, turn.cancelled = turn.cancelled, True  # wherever it is between two hands, the next one sees it
            waits = turn.state == "queued" and turn in self._lanes
            following = self._lanes.leave(turn) if waits else None
            if waits:
                turn.state = "running"
        if waits:
            self._deliver(turn, Answer.cancelled())
            self._dispatch([following] if following else [])
        elif self._agents is not None and not again:  # they are told once, however often it is asked for
            self._agents.cancel(turn)
        return True

    def progress(self, message_id: str) -> dict[str, Any] | None:
        """What is known of a message in flight, None where it is not. `ahead` are those of its session before it."""
        turn = self._reservations.find(message_id)
        if turn is None:
            return None
        ahead = 0
        if turn.begun is None:
            with self._lock:
                ahead = self._lanes.ahead(turn)
        return {
            "id": turn.id,
            "group": turn.message.group,
            "session": turn.message.session,
            "status": "queued" if turn.begun is None else "running",  # dispatched, it may wait for a container
            "attempt": turn.attempt,
            **({"ahead": ahead} if ahead else {}),
        }

    # Start and stop

    def recover(self, turns: list[Turn]) -> None:
        """Take up what was in flight when the last process ended; nothing runs before `open`."""
        self._reservations.restore(turns)
        with self._lock:
            for turn in turns:
                self._lanes.join(turn)

    def open(self, agents: Agents, running: list[Turn]) -> None:
        """Let turns run. Those of `running` do so already, in containers that were taken over.

        One of them may have been handed back by now, since its container has ended: it runs again.
        """
        with self._lock:
            self._agents = agents
            self._open = True
            for turn in running:
                if turn in self._lanes:  # it was not cancelled meanwhile
                    if turn not in self._handed_back:
                        turn.state = "running"
                    self._lanes.put_first(turn)
            self._handed_back.clear()
            firsts = [turn for turn in self._lanes.firsts() if turn.state == "queued"]
        self._dispatch(firsts)

    def close(self) -> None:
        """Dispatch nothing more; what is in flight stays in work/."""
        with self._lock:
            self._open = False

    # What becomes of a turn

    def ended(self, turn: Turn, outcome: Outcome) -> None:
        """An attempt at `turn` is over; called by the agent that worked on it."""
        if isinstance(outcome, Answer):
            self._finish(turn, outcome)
        elif turn.cancelled:
            self._finish(turn, Answer.cancelled())
        elif not outcome.begun:
            self._send_again(turn, outcome)
        elif turn.attempt < LAST_ATTEMPT:
            self._second_attempt(turn, outcome)
        else:
            self._finish(turn, Answer.failed(f"{outcome.reason}, and so had the first attempt; send it again to retry"))

    def remembered(self, turn: Turn) -> None:
        """The session knows how the turn has ended: its next one may run. Called by delivery."""
        with self._lock:
            following = self._lanes.leave(turn)
        self._dispatch([following] if following else [])

    def _finish(self, turn: Turn, answer: Answer) -> None:
        """A turn of which the session is to know keeps its lane until that is written: the next one reads it."""
        waits = turn.concerns_session(answer)
        self._deliver(turn, answer)
        if not waits:
            self.remembered(turn)

    def _send_again(self, turn: Turn, loss: Loss) -> None:
        """No container had begun: the same attempt once more, unless containers keep ending before they begin."""
        if turn.sends >= LAST_SEND:
            why = f"{loss.reason} before it began, {turn.sends} times; see `openclaw status`"
            self._finish(turn, Answer.failed(why))
            return
        self._clear_traces(turn)
        log.info("Message %s had not begun when %s; sending it again", turn.id, loss.reason)
        self._dispatch_again(turn)

    def _second_attempt(self, turn: Turn, loss: Loss) -> None:
        """It had begun: note the second attempt durably, so that there is never a third, then send it."""
        turn.attempt += 1
        turn.begun = None
        log.warning("Message %s was being worked on when %s; attempt %d", turn.id, loss.reason, turn.attempt)
        # Told on the committer's thread, for which everybody's next message waits: it only hands over.
        self._ledger.store(turn, replace=True).add_done_callback(
            lambda stored: self._hand_over(lambda: self._noted(turn, stored))
        )

    def _noted(self, turn: Turn, stored: Future[None]) -> None:
        """On delivery's thread, which clears away what turns leave, and dispatches those that follow."""
        if (error := stored.exception()) is not None:
            log.error("attempt %d of %s could not be noted on disk: %s", turn.attempt, turn.id, error)
            turn.attachment = None  # its traces stay: they tell the next start that the turn had begun
        self._clear_traces(turn)
        self._dispatch_again(turn)

    def _clear_traces(self, turn: Turn) -> None:
        """What the last attempt has left in its channel; it is no reason not to make the next one."""
        attachment, turn.attachment = turn.attachment, None
        try:
            if attachment is not None:
                attachment.settle(turn.id)
        except OSError as error:
            log.error("the frames of %s could not be removed: %s; the next start does it", turn.id, error)

    # Dispatch

    def _enqueue(self, turns: list[Turn]) -> None:
        with self._lock:
            ready = [turn for turn in turns if self._lanes.join(turn)]
        self._dispatch(ready)
        self._changed()

    def _dispatch(self, turns: list[Turn]) -> None:
        """Hand turns that are first in their lanes to the agents; before `open` and after `close` they wait.

        One may run already: taken over while the reply before it was not on the disk yet, or sent by `open` as well.
        """
        for turn in turns:
            with self._lock:
                agents = self._agents if self._open and turn.state == "queued" else None
                if agents is not None:
                    turn.state = "running"
            if agents is not None:
                if not turn.parent:
                    turn.results = self._sessions.unseen(turn.message.group, turn.message.session, turn.id)
                    kind = "complex" if complexity_signals(turn.message.text) else "simple"
                    who = group_title(turn.message.group)
                    log.info("Processing message from %s (%s query) [%s]", who, kind, turn.id)
                agents.submit(turn)

    def _dispatch_again(self, turn: Turn) -> None:
        """The agents have handed it back."""
        with self._lock:
            turn.state = "queued"
            if self._agents is None:
                self._handed_back.add(turn)
        self._dispatch([turn])


def _result(act: Callable[[A], R], argument: A) -> R | MessageRefused:
    """What `act` returns, or the refusal that it raises; a disk that fails refuses too, this one message only."""
    try:
        return act(argument)
    except MessageRefused as refused:
        return refused
    except OSError as error:
        log.exception("a message could not be accepted")
        return NotDurable(f"the disk fails: {error.strerror}")
