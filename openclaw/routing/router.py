"""The router: accepts messages, keeps each session in order, and sees every turn through to its reply.

    accept → [work/ID.json durable] → lane → agent → Answer → deliver → settled
                                       ↑               Loss ─┐
                                       └── attempt 2 durable ┘

Called from HTTP threads and the inbox's (accept, cancel, progress), from the agents' threads (ended) and from
delivery's (settled). One lock guards the tables; files are written and agents are called without it.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from openclaw.agents.turn import LAST_ATTEMPT, LAST_SEND, Answer, Loss, Outcome, Turn, group_title
from openclaw.errors import IdConflict, MessageRefused, NameTaken, NotDurable, OpenClawError, QueueFull
from openclaw.message import Message, complexity_signals
from openclaw.routing.desk import Draft, Receipt
from openclaw.routing.lanes import Lanes

if TYPE_CHECKING:
    from openclaw.clock import Clock
    from openclaw.routing.groups import Groups
    from openclaw.routing.ledger import Ledger
    from openclaw.spool import Origin

log = logging.getLogger(__name__)

STORE_TIMEOUT = 30.0
"""Seconds that an accept waits for the disk; a disk slower than that is refused as not durable."""

STEMS_REMEMBERED = 10_000
"""File stems whose last number is kept in memory, so that the same name dropped again needs no search."""


class Agents(Protocol):
    """Where turns go. Both methods only hand over and never block."""

    def submit(self, turn: Turn) -> None: ...

    def cancel(self, turn: Turn) -> None: ...


class _Place(NamedTuple):
    """A turn that has its id, and the future of its file in work/."""

    turn: Turn
    stored: Future[None]
    fresh: bool  # False where it is in flight already


class Router:
    """The desk at which messages are accepted, and the record of what is in flight."""

    def __init__(
        self,
        *,
        groups: Groups,
        ledger: Ledger,
        clock: Clock,
        queue_limit: int,
        deliver: Callable[[Turn, Answer], None],
    ) -> None:
        self._groups = groups
        self._ledger = ledger
        self._clock = clock
        self._queue_limit = queue_limit
        self._deliver = deliver
        self._agents: Agents | None = None
        self._lock = threading.Lock()
        # Guarded by _lock: what is in flight by id, the lanes, the next sequence number, whether turns are dispatched,
        # and the last number given to a file's stem.
        self._flight: dict[str, _Place] = {}
        self._lanes = Lanes()
        self._next_seq = 1
        self._open = False
        self._stems: OrderedDict[str, int] = OrderedDict()

    # The desk

    def accept(self, message: Message) -> Receipt:
        """Accept one message; returns once it is durable. Raises a MessageRefused that says why not."""
        try:
            place = self._reserve(message, origin=None)
        except _Answered as answered:
            return Receipt(answered.message_id, duplicate=True)
        self._await_stored(place)
        if place.fresh:
            self._enqueue([place.turn])
        return Receipt(place.turn.id, not place.fresh)

    def accept_all(self, drafts: list[Draft]) -> list[Receipt | MessageRefused]:
        """Accept the messages of dropped files, in order; their files are written side by side."""
        results: list[_Place | Receipt | MessageRefused] = []
        for draft in drafts:
            try:
                results.append(self._reserve_draft(draft))
            except MessageRefused as error:
                results.append(error)
        fresh: list[Turn] = []
        receipts: list[Receipt | MessageRefused] = []
        for result in results:
            if not isinstance(result, _Place):
                receipts.append(result)
                continue
            try:
                self._await_stored(result)
            except NotDurable as error:
                receipts.append(error)
                continue
            if result.fresh:
                fresh.append(result.turn)
            receipts.append(Receipt(result.turn.id, not result.fresh))
        self._enqueue(fresh)
        return receipts

    def cancel(self, message_id: str) -> bool:
        """Cancel what is in flight; False where nothing of that id is. The reply says how it ended."""
        with self._lock:
            place = self._flight.get(message_id)
            if place is None:
                return False
            turn = place.turn
            turn.cancelled = True  # wherever it is between two hands, the next one sees it
            waits = turn.state == "queued" and turn in self._lanes
            following = self._lanes.leave(turn) if waits else None
            if waits:
                turn.state = "running"
        if waits:
            self._deliver(turn, Answer.cancelled())
            self._dispatch([following] if following else [])
        elif self._agents is not None:
            self._agents.cancel(turn)
        return True

    def progress(self, message_id: str) -> dict[str, Any] | None:
        """What is known of a message in flight, None where it is not."""
        with self._lock:
            place = self._flight.get(message_id)
        if place is None:
            return None
        turn = place.turn
        return {
            "id": turn.id,
            "group": turn.message.group,
            "session": turn.message.session,
            "status": turn.state,
            "attempt": turn.attempt,
        }

    def in_flight(self) -> int:
        """How many messages are accepted and not yet answered."""
        with self._lock:
            return len(self._flight)

    # Start and stop

    def recover(self, turns: list[Turn]) -> None:
        """Take up what was in flight when the last process ended; nothing runs before `open`."""
        stored: Future[None] = Future()
        stored.set_result(None)
        with self._lock:
            for turn in turns:
                self._flight[turn.id] = _Place(turn, stored, fresh=True)
                self._next_seq = max(self._next_seq, turn.seq + 1)
                self._lanes.join(turn)

    def open(self, agents: Agents, running: set[str]) -> None:
        """Let turns run. Those whose ids are in `running` do so already, in containers that were taken over."""
        with self._lock:
            self._agents = agents
            self._open = True
            for message_id in running:
                turn = self._flight[message_id].turn
                turn.state = "running"
                self._lanes.put_first(turn)
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

    def settled(self, turn: Turn) -> None:
        """The reply is durable and the file in work/ is gone."""
        with self._lock:
            self._flight.pop(turn.id, None)

    def _finish(self, turn: Turn, answer: Answer) -> None:
        self._deliver(turn, answer)
        with self._lock:
            following = self._lanes.leave(turn)
        self._dispatch([following] if following else [])

    def _send_again(self, turn: Turn, loss: Loss) -> None:
        """No container had begun: the same attempt once more, unless containers keep ending before they begin."""
        if turn.sends >= LAST_SEND:
            why = f"{loss.reason} before it began, {turn.sends} times; see `openclaw status`"
            self._finish(turn, Answer.failed(why))
            return
        attachment, turn.attachment = turn.attachment, None
        if attachment is not None:
            attachment.settle(turn.id)
        log.info("Message %s had not begun when %s; sending it again", turn.id, loss.reason)
        self._dispatch([turn])

    def _second_attempt(self, turn: Turn, loss: Loss) -> None:
        """It had begun: note the second attempt durably, so that there is never a third, then send it."""
        turn.attempt += 1
        turn.begun = None
        log.warning("Message %s was being worked on when %s; attempt %d", turn.id, loss.reason, turn.attempt)
        self._ledger.store(turn, replace=True).add_done_callback(lambda stored: self._noted(turn, stored))

    def _noted(self, turn: Turn, stored: Future[None]) -> None:
        """On the committer's thread: only hands over."""
        if (error := stored.exception()) is not None:
            log.error("attempt %d of %s could not be noted on disk: %s", turn.attempt, turn.id, error)
        attachment, turn.attachment = turn.attachment, None
        if attachment is not None and error is None:
            attachment.settle(turn.id)
        self._dispatch([turn])

    # Ids

    def _reserve(self, message: Message, origin: Origin | None) -> _Place:
        """Give the message its place in flight and begin to write it. Raises MessageRefused."""
        self._groups.check(message.group)
        digest = message.digest()
        accepted = self._clock.monotonic()
        named = bool(message.id)
        if not named:
            message = message.with_id(secrets.token_hex(8))
        place, fresh = self._take_id(message, digest, origin, accepted)
        if not fresh:
            if place.turn.digest != digest:
                raise IdConflict(f"the id {message.id!r} is in use for another message; send it under another id")
            return place._replace(fresh=False)
        if named:
            self._check_answered(place.turn)
        self._ledger.store(place.turn).add_done_callback(lambda stored: _copy(stored, place.stored))
        return place

    def _take_id(
        self, message: Message, digest: str, origin: Origin | None, accepted: float
    ) -> tuple[_Place, bool]:
        with self._lock:
            place = self._flight.get(message.id)
            if place is not None:
                return place, False
            if len(self._flight) >= self._queue_limit:
                raise QueueFull(f"{self._queue_limit} messages wait already; try again in a moment")
            turn = Turn(
                message=message,
                seq=self._next_seq,
                accepted=accepted,
                accepted_at=self._clock.time(),
                digest=digest,
                origin=origin,
            )
            self._next_seq += 1
            place = self._flight[message.id] = _Place(turn, Future(), fresh=True)
            return place, True

    def _check_answered(self, turn: Turn) -> None:
        """Raise _Answered where the id has its reply already, IdConflict where that was to another message."""
        try:
            remembered = self._ledger.remembered(turn.id)
        except (OSError, OpenClawError) as error:
            self._release(turn)
            raise NotDurable(f"ipc/outbox cannot be read: {error}") from error
        if remembered is not None:
            self._release(turn)
            if remembered.digest != turn.digest:
                raise IdConflict(f"the id {turn.id!r} was used for another message; send it under another id")
            raise _Answered(turn.id)

    def _release(self, turn: Turn) -> None:
        """Give back the place of a turn that is not accepted; whoever waits for the same id is told."""
        with self._lock:
            place = self._flight.pop(turn.id)
        place.stored.set_exception(NotDurable("the message of this id was not accepted; send it again"))

    def _reserve_draft(self, draft: Draft) -> _Place | Receipt:
        """As `_reserve`, for a dropped file; without an id it takes its stem, or the first free STEM-2, STEM-3, …"""
        if draft.message.id:
            return self._reserve_or_known(draft.message, draft.origin)
        with self._lock:
            number = self._stems.get(draft.stem, 1)
        while True:
            candidate = draft.stem if number == 1 else f"{draft.stem}-{number}"
            taken, by = self._taken(candidate)
            if taken and by == draft.origin:
                return Receipt(candidate, duplicate=True)
            if not taken:
                self._remember_stem(draft.stem, number)
                try:
                    return self._reserve_or_known(draft.message.with_id(candidate), draft.origin)
                except IdConflict:
                    log.debug("the id %s was taken a moment ago", candidate)
            number += 1

    def _reserve_or_known(self, message: Message, origin: Origin) -> _Place | Receipt:
        try:
            return self._reserve(message, origin)
        except _Answered:
            return Receipt(message.id, duplicate=True)

    def _taken(self, message_id: str) -> tuple[bool, Origin | None]:
        """Whether an id is in use, and the origin of the file that it was given to."""
        with self._lock:
            place = self._flight.get(message_id)
        if place is not None:
            return True, place.turn.origin
        try:
            remembered = self._ledger.remembered(message_id)
        except (OSError, OpenClawError) as error:
            raise NotDurable(f"ipc/outbox cannot be read: {error}") from error
        return (False, None) if remembered is None else (True, remembered.origin)

    def _remember_stem(self, stem: str, number: int) -> None:
        with self._lock:
            self._stems[stem] = number
            self._stems.move_to_end(stem)
            if len(self._stems) > STEMS_REMEMBERED:
                self._stems.popitem(last=False)

    def _await_stored(self, place: _Place) -> None:
        """Wait until the turn's file is durable. Raises NotDurable, and gives its place back."""
        try:
            place.stored.result(STORE_TIMEOUT)
        except (NotDurable, NameTaken, TimeoutError) as error:
            if place.fresh:
                with self._lock:
                    self._flight.pop(place.turn.id, None)
            if isinstance(error, NotDurable):
                raise
            raise NotDurable(f"ipc/work did not take it: {error or 'the disk is too slow'}; send it again") from error

    # Dispatch

    def _enqueue(self, turns: list[Turn]) -> None:
        with self._lock:
            ready = [turn for turn in turns if self._lanes.join(turn)]
        self._dispatch(ready)

    def _dispatch(self, turns: list[Turn]) -> None:
        """Hand turns that are first in their lanes to the agents; before `open` and after `close` they wait."""
        for turn in turns:
            with self._lock:
                agents = self._agents if self._open else None
                if agents is not None:
                    turn.state = "running"
            if agents is not None:
                kind = "complex" if complexity_signals(turn.message.text) else "simple"
                log.info("Processing message from %s (%s query)", group_title(turn.message.group), kind)
                agents.submit(turn)


class _Answered(OpenClawError):
    """The id has its reply already, and the message is the same."""

    def __init__(self, message_id: str) -> None:
        super().__init__(message_id)
        self.message_id = message_id


def _copy(source: Future[None], target: Future[None]) -> None:
    """On the committer's thread: pass a result on."""
    error = source.exception()
    if error is None:
        target.set_result(None)
    else:
        target.set_exception(error)
