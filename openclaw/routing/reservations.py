"""Reservations: which ids are in flight, and the number that each message got in the order of acceptance.

An id is reserved before its file in work/ is written, so that of two messages with one id exactly one is written. Owns
the table of what is in flight. Any thread may call; one lock guards the tables, the disk is read and written without.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from openclaw.agents.turn import Turn
from openclaw.errors import IdConflict, MessageRefused, NameTaken, NotDurable, OpenClawError, QueueFull
from openclaw.message import Message
from openclaw.routing.desk import Draft, Receipt
from openclaw.spool import with_advice

if TYPE_CHECKING:
    from openclaw.clock import Clock
    from openclaw.routing.ledger import Ledger, Remembered
    from openclaw.spool import Origin

log = logging.getLogger(__name__)

STORE_TIMEOUT = 30.0
"""Seconds that an accept waits for the disk; a disk slower than that is refused as not durable."""

REMEMBERED = 10_000
"""Dropped files, and stems of them, whose id or last number is kept in memory: the same again needs no search."""

K = TypeVar("K")
V = TypeVar("V")


class Place(NamedTuple):
    """A turn that has its id, and the future of its file in work/. Not `fresh`: it was in flight already.

    `undecided` is taken, for good, by whoever says how storing it ended.
    """

    turn: Turn
    stored: Future[None]
    undecided: threading.Lock
    fresh: bool


class Reservations:
    """Gives ids out, makes what has one durable, and forgets it when it is settled."""

    def __init__(self, ledger: Ledger, clock: Clock, *, admit: Callable[[Message], None], limit: int) -> None:
        """`admit` raises a MessageRefused for what is not taken; `limit` is the most messages in flight."""
        self._ledger = ledger
        self._clock = clock
        self._admit = admit
        self._limit = limit
        self._lock = threading.Lock()
        # Guarded by _lock: what is in flight by id and how many, the next sequence number, how many went out
        # of flight, the last number of a file's stem, and which id a dropped file got.
        self._flight: dict[str, Place] = {}
        self._messages = 0  # of these, subagents aside: they have a limit of their own
        self._next_seq = 1
        self._settled = 0
        self._stems: OrderedDict[str, int] = OrderedDict()
        self._origins: OrderedDict[Origin, str] = OrderedDict()

    def reserve(self, message: Message, origin: Origin | None = None, *, new: bool = False) -> Place | Receipt:
        """A place for the message, whose file is being written, or the receipt of one that is answered already.

        Raises the MessageRefused that says why there is neither; to a `new` one each id that is in use is a conflict.
        """
        self._admit(message)
        digest = message.digest()
        named = bool(message.id)
        if not named:
            message = message.with_id(secrets.token_hex(8))
        place = self._take_new(message, digest, origin) if new else self._take(message, digest, origin)
        if not place.fresh:
            if new or place.turn.digest != digest:
                raise IdConflict(f"the id {message.id!r} is in use for another message; send it under another id")
            return place
        try:
            if named and not new and self._was_answered(place):
                return Receipt(message.id, duplicate=True)
            self._ledger.store(place.turn).add_done_callback(lambda written: self._stored(place, written))
        except BaseException:  # passed on; an id that nobody writes would be taken for ever
            self._give_back(place, NotDurable("the message of this id could not be stored"))
            raise
        return place

    def reserve_subagent(self, message: Message, call: tuple[str, int], task: dict[str, Any]) -> Place:
        """A place for a subagent, whose file is being written. Its id is new: whoever numbers them sees to that."""
        now, date = self._clock.monotonic(), self._clock.time()
        with self._lock:
            turn = Turn(message, self._next_seq, now, date, message.digest(), call=call, task=task)
            self._next_seq += 1
            place = self._flight[message.id] = Place(turn, Future(), threading.Lock(), fresh=True)
        self._ledger.store(turn).add_done_callback(lambda written: self._stored(place, written))
        return place

    def reserve_draft(self, draft: Draft) -> Place | Receipt:
        """As `reserve`, for a dropped file; without an id it takes its stem, or the first free STEM-2, STEM-3, …"""
        if draft.message.id:
            return self.reserve(draft.message, draft.origin)
        with self._lock:
            known = self._origins.get(draft.origin) if draft.again else None
            number = 1 if draft.again else self._stems.get(draft.stem, 1)
        if known is not None and (given := self._given(known, draft.origin)) is not None:
            return given
        while True:
            candidate = draft.stem if number == 1 else f"{draft.stem}-{number}"
            if draft.again and (given := self._given(candidate, draft.origin)) is not None:
                return given
            if not self._in_work(candidate):
                self._remember(draft, candidate, number)
                try:
                    return self.reserve(draft.message.with_id(candidate), draft.origin, new=True)
                except IdConflict:
                    log.debug("the id %s is taken", candidate)
            number += 1

    def confirm(self, place: Place) -> None:
        """Wait until the turn's file is durable. Raises NotDurable, and gives its place back."""
        try:
            place.stored.result(STORE_TIMEOUT)
        except TimeoutError:
            too_slow = NotDurable("the disk is too slow: ipc/work did not take it")
            if not place.fresh or self._end_storing(place, too_slow):
                raise too_slow from None  # the id stays reserved until the file has come and gone
            self.confirm(place)  # decided this very moment
        except NameTaken:
            if place.fresh:
                self.settled(place.turn)
            damaged = NotDurable("ipc/work holds a damaged file of this id; send it under another id", again=False)
            raise damaged from None
        except NotDurable:
            if place.fresh:
                self.settled(place.turn)
            raise

    def restore(self, turns: list[Turn]) -> None:
        """Take up what the last process left in flight."""
        stored: Future[None] = Future()
        stored.set_result(None)
        with self._lock:
            for turn in turns:
                self._flight[turn.id] = Place(turn, stored, threading.Lock(), fresh=False)
                self._messages += not turn.parent
                self._next_seq = max(self._next_seq, turn.seq + 1)

    def find(self, message_id: str) -> Turn | None:
        """The turn in flight under an id."""
        with self._lock:
            place = self._flight.get(message_id)
        return None if place is None else place.turn

    def holds(self, message_id: str) -> bool:
        """Whether anything is in flight under an id."""
        return self.find(message_id) is not None

    def begun(self) -> list[str]:
        """The ids of what agents are working on, oldest first."""
        return [turn.id for turn in self.turns() if turn.begun is not None]

    def turns(self) -> list[Turn]:
        """What is in flight, oldest first."""
        with self._lock:
            return [place.turn for place in self._flight.values()]

    def settled(self, turn: Turn) -> None:
        """Nothing of the turn is left to do: its place is free."""
        with self._lock:
            place = self._flight.get(turn.id)
            if place is not None and place.turn is turn:  # and no later one of the same id
                del self._flight[turn.id]
                self._settled += 1
                self._messages -= not turn.parent
            at_rest = not self._flight
        if at_rest:
            self._ledger.rest()

    def __len__(self) -> int:
        with self._lock:
            return len(self._flight)

    def _take_new(self, message: Message, digest: str, origin: Origin | None) -> Place:
        """As `_take`, for an id that must have no reply. Raises IdConflict where it has, NotDurable where nobody knows.

        It is looked for before: whoever joined a place that is given back for this would hear of a conflict that is
        none of his. Where an id went out of flight meanwhile it may be this one, answered, and it is looked for again.
        """
        while True:
            with self._lock:
                settled = self._settled
            if self._remembered(message.id) is not None:
                raise _used(message.id)
            with self._lock:
                if settled == self._settled:
                    return self._take_locked(message, digest, origin)

    def _take(self, message: Message, digest: str, origin: Origin | None) -> Place:
        with self._lock:
            return self._take_locked(message, digest, origin)

    def _take_locked(self, message: Message, digest: str, origin: Origin | None) -> Place:
        """Called with _lock held."""
        accepted = self._clock.monotonic()
        accepted_at = self._clock.time()
        place = self._flight.get(message.id)
        if place is not None:
            return place._replace(fresh=False)
        if self._messages >= self._limit:
            raise QueueFull(f"{self._limit} messages wait already (QUEUE_LIMIT); try again when some are answered")
        turn = Turn(message, self._next_seq, accepted, accepted_at, digest, origin)
        self._next_seq += 1
        self._messages += 1
        place = self._flight[message.id] = Place(turn, Future(), threading.Lock(), fresh=True)
        return place

    def _was_answered(self, place: Place) -> bool:
        """Whether the id has its reply already; its place is free then. Raises IdConflict where that is to another."""
        turn = place.turn
        try:
            remembered = self._ledger.remembered(turn.id)
        except (OSError, OpenClawError) as error:
            unread = NotDurable(with_advice("ipc/outbox cannot be read", error))
            self._give_back(place, unread)
            raise unread from error
        if remembered is None:
            return False
        if remembered.digest != turn.digest:
            conflict = _used(turn.id)
            self._give_back(place, conflict)
            raise conflict
        self._give_back(place, None)
        return True

    def _stored(self, place: Place, written: Future[None]) -> None:
        """On the committer's thread: the file is durable or never will be; one that is refused by now goes again."""
        error = written.exception()
        in_time = self._end_storing(place, error)
        if in_time:
            return
        if error is None:
            try:
                self._ledger.settle(place.turn)
            except OSError as problem:
                log.error("ipc/work/%s.json was refused and cannot be removed: %s", place.turn.id, problem)
        self.settled(place.turn)

    def _end_storing(self, place: Place, error: BaseException | None) -> bool:
        """Decide once how storing ended, for everybody who waits for it. False: that was decided before."""
        if not place.undecided.acquire(blocking=False):
            return False
        if error is None:
            place.stored.set_result(None)
        else:
            place.stored.set_exception(error)
        return True

    def _give_back(self, place: Place, error: MessageRefused | None) -> None:
        """The turn needs no place; whoever waits for the same message is told the same: `error`, or it is answered."""
        self.settled(place.turn)
        self._end_storing(place, error)

    def _given(self, message_id: str, origin: Origin) -> Place | Receipt | None:
        """What a dropped file got when it was offered before, where that was this id."""
        with self._lock:
            place = self._flight.get(message_id)
        if place is not None:
            return place._replace(fresh=False) if place.turn.origin == origin else None
        remembered = self._remembered(message_id)
        known = remembered is not None and remembered.origin == origin
        return Receipt(message_id, duplicate=True) if known else None

    def _in_work(self, message_id: str) -> bool:
        """Whether an id is in flight, be it as a damaged file in work/."""
        return self.find(message_id) is not None or self._ledger.has_work(message_id)

    def _remembered(self, message_id: str) -> Remembered | None:
        try:
            return self._ledger.remembered(message_id)
        except (OSError, OpenClawError) as error:
            raise NotDurable(with_advice("ipc/outbox cannot be read", error)) from error

    def _remember(self, draft: Draft, message_id: str, number: int) -> None:
        with self._lock:
            _put(self._stems, draft.stem, number)
            _put(self._origins, draft.origin, message_id)


def _used(message_id: str) -> IdConflict:
    return IdConflict(f"the id {message_id!r} was used for another message; send it under another id")


def _put(table: OrderedDict[K, V], key: K, value: V) -> None:
    table[key] = value
    table.move_to_end(key)
    if len(table) > REMEMBERED:
        table.popitem(last=False)
