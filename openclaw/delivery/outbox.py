"""The outbox: replies on their way to the disk and to whoever waits for them.

Owns one thread, "delivery". `deliver` is called by the router from any thread and only queues. A reply is published,
then those who wait are told, then the work file goes: a death in between repeats a step and loses nothing. A disk
that does not take a reply is tried again with a growing pause; the reply waits in memory, its message in work/.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, NamedTuple

from openclaw.errors import NameTaken, NotDurable
from openclaw.message import Reply

if TYPE_CHECKING:
    from openclaw.agents.turn import Answer, Turn
    from openclaw.clock import Alarms, Clock
    from openclaw.delivery.waiters import Waiters
    from openclaw.routing.ledger import Ledger

log = logging.getLogger(__name__)

MAX_BATCH = 64
"""Replies that share one commit."""

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
_COMMIT_TIMEOUT = 60.0


class _Parcel(NamedTuple):
    """A reply to be delivered, and the pause before its next try, seconds."""

    turn: Turn
    answer: Answer
    pause: float = FIRST_PAUSE


class Outbox:
    """Delivers each reply once. `settled` is called when nothing of the turn is left to do."""

    def __init__(
        self,
        ledger: Ledger,
        waiters: Waiters,
        clock: Clock,
        alarms: Alarms,
        *,
        capacity: int,
        settled: Callable[[Turn], None],
        told: Callable[[Reply], None],
    ) -> None:
        self._ledger = ledger
        self._waiters = waiters
        self._clock = clock
        self._alarms = alarms
        self._settled = settled
        self._told = told
        # One parcel for each turn in flight, and the end: it never fills.
        self._parcels: queue.Queue[_Parcel | None] = queue.Queue(capacity + 1)
        self._thread = threading.Thread(target=self._run, name="delivery", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Deliver what is queued, then end."""
        self._parcels.put(None, timeout=_COMMIT_TIMEOUT)
        if self._thread.is_alive():
            self._thread.join()

    def deliver(self, turn: Turn, answer: Answer) -> None:
        """Queue the reply to `turn`."""
        self._parcels.put(_Parcel(turn, answer), timeout=_COMMIT_TIMEOUT)

    def _run(self) -> None:
        ending = False
        while not ending:
            batch: list[_Parcel] = []
            parcel = self._parcels.get()
            while parcel is not None and len(batch) < MAX_BATCH:
                batch.append(parcel)
                try:
                    parcel = self._parcels.get_nowait()
                except queue.Empty:
                    break
            else:
                ending = parcel is None
                if parcel is not None:
                    batch.append(parcel)
            try:
                self._publish(batch)
            except Exception:  # the top of the thread: the turns stay in work/ and are taken up at the next start
                log.exception("replies could not be delivered")

    def _publish(self, batch: list[_Parcel]) -> None:
        now = self._clock.monotonic()
        sent: list[tuple[_Parcel, Reply, Future[None]]] = []
        for parcel in batch:
            reply = parcel.turn.reply(parcel.answer, now)
            sent.append((parcel, reply, self._ledger.store_reply(parcel.turn, reply)))
        for parcel, reply, stored in sent:
            try:
                stored.result(_COMMIT_TIMEOUT)
            except NameTaken:
                log.info("Message %s has its reply already", reply.id)
            except (NotDurable, TimeoutError) as error:
                self._try_again(parcel, error)
                continue
            self._finish(parcel.turn, reply)

    def _try_again(self, parcel: _Parcel, error: Exception) -> None:
        log.error("The reply to %s could not be stored: %s; next try in %.0f s", parcel.turn.id, error, parcel.pause)
        later = parcel._replace(pause=min(2 * parcel.pause, LONGEST_PAUSE))
        self._alarms.call_later(parcel.pause, lambda: self._parcels.put(later, timeout=_COMMIT_TIMEOUT))

    def _finish(self, turn: Turn, reply: Reply) -> None:
        self._waiters.tell(reply.id, reply.to_json())
        timing = reply.timing
        log.info(
            "Response timing - prepTime: %dms, agentTime: %dms, totalTime: %dms",
            timing.prep_ms, timing.agent_ms, timing.total_ms,
        )  # fmt: skip
        self._told(reply)
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
