"""The outbox: replies on their way to the disk and to whoever waits for them.

Owns one thread, "delivery". `deliver` is called by the router from any thread and only queues; so does `call`, by which
other work that waits for the disk gets to that thread. What the session keeps
of the turn is written, the reply is published, what is owed to a callback_url is noted, then those who wait are told,
then the work file goes: a death in between repeats a step and loses nothing. A disk that does not take a reply is tried
again with a growing pause; the reply waits in memory, its message in work/.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NamedTuple

from openclaw.errors import NameTaken, NotDurable, OpenClawError

if TYPE_CHECKING:
    from openclaw.agents.turn import Answer, Turn
    from openclaw.clock import Alarms, Clock
    from openclaw.delivery.callbacks import Callbacks
    from openclaw.delivery.waiters import Waiters
    from openclaw.routing.ledger import Ledger

log = logging.getLogger(__name__)

MAX_BATCH = 64
"""Replies that share one commit."""

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
_COMMIT_TIMEOUT = 60.0


class _Parcel(NamedTuple):
    """A reply to be delivered, and the pause before its next try, seconds. No answer: the reply is out already."""

    turn: Turn
    answer: Answer | None
    pause: float = FIRST_PAUSE


class _Published(NamedTuple):
    """A reply that is in the outbox. `first`: this process has put it there."""

    parcel: _Parcel
    record: dict[str, Any]
    first: bool


class Outbox:
    """Delivers each reply once.

    `remember` is asked first, to note what the session keeps: it begins, and what it returns is called for that to be
    durable, when it has begun for each reply of a batch. `told` hears of each reply that is durable, and notes it
    for the session that asked for it. All three may raise NotDurable, and are called again then. `settled` hears when
    nothing of the turn is left to do. All are called on delivery's thread and raise nothing else.
    """

    def __init__(
        self,
        ledger: Ledger,
        waiters: Waiters,
        callbacks: Callbacks,
        clock: Clock,
        alarms: Alarms,
        *,
        remember: Callable[[Turn, Answer], Callable[[], None]],
        settled: Callable[[Turn], None],
        told: Callable[[Turn, dict[str, Any]], None],
    ) -> None:
        self._ledger = ledger
        self._waiters = waiters
        self._callbacks = callbacks
        self._clock = clock
        self._alarms = alarms
        self._remember = remember
        self._settled = settled
        self._told = told
        # One for each turn in flight, its reply or its next attempt, and the watchdog's:
        # bounded by what may be in flight.
        self._parcels: queue.SimpleQueue[_Parcel | Callable[[], None] | None] = queue.SimpleQueue()
        self._seen_to: set[str] = set()  # the thread's own: ids of the batch that are delivered, or tried again later
        self._thread = threading.Thread(target=self._run, name="delivery", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Deliver what is queued, then end."""
        self._parcels.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def deliver(self, turn: Turn, answer: Answer) -> None:
        """Queue the reply to `turn`."""
        self._parcels.put(_Parcel(turn, answer))

    def resume(self, turn: Turn) -> None:
        """Queue what is left to do for a turn whose reply was out when the last process ended."""
        self._parcels.put(_Parcel(turn, None))

    def call(self, act: Callable[[], None]) -> None:
        """Have `act` called by delivery's thread, behind what is queued already."""
        self._parcels.put(act)

    def _run(self) -> None:
        ending = False
        while not ending:
            batch = self._next_batch()
            ending = batch[-1] is None
            self._deliver_all([one for one in batch if isinstance(one, _Parcel)])
            for one in batch:
                if callable(one):
                    _call(one)

    def _next_batch(self) -> list[_Parcel | Callable[[], None] | None]:
        """What is queued, MAX_BATCH at most; the end, None, comes last."""
        batch = [self._parcels.get()]
        with contextlib.suppress(queue.Empty):
            while batch[-1] is not None and len(batch) < MAX_BATCH:
                batch.append(self._parcels.get_nowait())
        return batch

    def _deliver_all(self, batch: list[_Parcel]) -> None:
        """Deliver a batch; where that fails on one of them, the others each by itself."""
        self._seen_to.clear()
        try:
            self._deliver(batch)
        except Exception:  # the top of the thread: a turn stays in work/ and is taken up at the next start
            log.exception("%s could not be delivered", batch[0].turn.id if len(batch) == 1 else f"{len(batch)} replies")
            if len(batch) > 1:
                for parcel in [parcel for parcel in batch if parcel.turn.id not in self._seen_to]:
                    self._deliver_all([parcel])

    def _deliver(self, batch: list[_Parcel]) -> None:
        for published in self._note_debts(self._publish(batch)):
            self._finish(published)

    def _publish(self, batch: list[_Parcel]) -> list[_Published]:
        """Put replies into the outbox; what the disk does not take is tried again later."""
        now = self._clock.monotonic()
        published: list[_Published] = []
        sent: list[tuple[_Parcel, dict[str, Any], Future[None]]] = []
        published += [self._out_already(parcel) for parcel in batch if parcel.answer is None]
        for parcel, answer in self._remembered(batch):
            reply = parcel.turn.reply(answer, now)
            sent.append((parcel, reply.to_json(), self._ledger.store_reply(parcel.turn, reply)))
        for parcel, record, stored in sent:
            try:
                stored.result(_COMMIT_TIMEOUT)
                published.append(_Published(parcel, record, first=True))
            except NameTaken:
                log.info("Message %s has its reply already", parcel.turn.id)
                published.append(self._out_already(parcel))
            except (NotDurable, TimeoutError) as error:
                self._try_again(parcel, error)
        return published

    def _remembered(self, batch: list[_Parcel]) -> list[tuple[_Parcel, Answer]]:
        """Have the sessions note their turns, all of a batch together; those of which that is durable."""
        begun: list[tuple[_Parcel, Answer, Callable[[], None]]] = []
        noted: list[tuple[_Parcel, Answer]] = []
        try:
            for parcel in batch:
                if parcel.answer is not None:
                    with self._another_try(parcel):
                        begun.append((parcel, parcel.answer, self._remember(parcel.turn, parcel.answer)))
        finally:  # what was begun is finished in any case
            for parcel, answer, finish in begun:
                with self._another_try(parcel):
                    finish()
                    noted.append((parcel, answer))
        return noted

    @contextlib.contextmanager
    def _another_try(self, parcel: _Parcel) -> Iterator[None]:
        """What the disk does not take is tried again later."""
        try:
            yield
        except NotDurable as error:
            self._try_again(parcel, error)

    def _out_already(self, parcel: _Parcel) -> _Published:
        record: dict[str, Any] | None = None
        try:
            record = self._ledger.reply(parcel.turn.id)
        except (OSError, OpenClawError) as error:  # the others of the batch are not to blame
            log.error("The reply to %s is there and cannot be read: %s", parcel.turn.id, error)
        return _Published(parcel, record or {}, first=False)

    def _note_debts(self, replies: list[_Published]) -> list[_Published]:
        """Make durable what is owed to a callback_url: the turn may be forgotten only then."""
        noted: list[_Published] = []
        owed: list[tuple[_Published, Future[None]]] = []
        for published in replies:
            message = published.parcel.turn.message
            if message.callback_url:
                owed.append((published, self._callbacks.owe(message.id, message.callback_url, published.record)))
            else:
                noted.append(published)
        for published, stored in owed:
            try:
                stored.result(_COMMIT_TIMEOUT)
            except NameTaken:
                log.debug("the reply to %s is owed already", published.parcel.turn.id)
            except (NotDurable, TimeoutError) as error:
                self._try_again(published.parcel, error)
                continue
            noted.append(published)
        return noted

    def _try_again(self, parcel: _Parcel, error: Exception) -> None:
        self._seen_to.add(parcel.turn.id)
        log.error("The reply to %s could not be stored: %s; next try in %.0f s", parcel.turn.id, error, parcel.pause)
        later = parcel._replace(pause=min(2 * parcel.pause, LONGEST_PAUSE))
        self._alarms.call_later(parcel.pause, lambda: self._parcels.put(later))

    def _finish(self, published: _Published) -> None:
        turn, record = published.parcel.turn, published.record
        try:
            self._told(turn, record)  # before anybody can act on the reply
        except NotDurable as error:
            self._try_again(published.parcel, error)
            return
        self._waiters.tell(turn.id, record)
        if published.first:
            timing = record["timing"]
            log.info(
                "Response timing - prepTime: %dms, agentTime: %dms, totalTime: %dms [%s]",
                timing["prepTime"], timing["agentTime"], timing["totalTime"], turn.id,
            )  # fmt: skip
        try:
            self._ledger.settle(turn)
        except OSError as error:
            log.error("ipc/work/%s.json could not be removed: %s; the next start does it", turn.id, error)
        try:
            if turn.attachment is not None:
                turn.attachment.settle(turn.id)
        except OSError as error:
            log.error("the frames of %s could not be removed: %s; the next start does it", turn.id, error)
        self._settled(turn)
        if turn.message.callback_url:
            self._callbacks.send(turn.id, turn.message.callback_url)
        self._seen_to.add(turn.id)


def _call(act: Callable[[], None]) -> None:
    try:
        act()
    except Exception:  # the top of the thread: the replies behind it are to go out all the same
        log.exception("what was handed to delivery could not be done")
