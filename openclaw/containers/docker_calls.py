"""EngineCalls: the threads on which calls to the engine wait, a bounded number, in the order of their rank.

Threads are made when they are needed and stay. What waits is bounded by the callers, who ask for one start and one end
of a container at a time. Any thread may call any method; nothing is called back under the lock.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

from openclaw.errors import RuntimeFailure

log = logging.getLogger(__name__)


class Rank(IntEnum):
    """Who comes first."""

    MAIN = 0
    """Main's container: everybody who writes to the assistant waits for it."""
    START = 1
    END = 2
    """Nobody waits for it. Starts cannot hold it up for ever: they need the slots that ends make free."""


class NoThread(RuntimeFailure):
    """The machine gives no thread on which to wait for the engine."""


class _Call(NamedTuple):
    """One that waits. `number` keeps those of one rank in order."""

    rank: Rank
    number: int
    cid: str
    act: Callable[[], None]


class EngineCalls:
    """At most `size` calls at once. One is never an end, so that a start gets through where ends do not return.

    Where the engine has been overdue (`doubt`) ends come one at a time until it has returned from a call (`trust`).
    """

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)  # something may begin
        self._rest = threading.Condition(self._lock)  # something has ended
        # Guarded by _lock: all of these. Calls are made without it.
        self._waiting: list[_Call] = []  # a heap
        self._running: dict[int, _Call] = {}  # by number
        self._threads: set[threading.Thread] = set()
        self._idle = 0
        self._doubted = False
        self._returned = 0
        self._closed = False

    def submit(self, rank: Rank, cid: str, act: Callable[[], None]) -> None:
        """Have `act`, which is about the container `cid` and raises nothing, called when it is its turn.

        Raises NoThread where there is no thread and none can be made: then it is never called.
        """
        with self._lock:
            if len(self._waiting) >= self._idle and len(self._threads) < self._size:
                self._add_thread()
            heapq.heappush(self._waiting, _Call(rank, next(self._numbers), cid, act))
            self._work.notify()

    def _add_thread(self) -> None:
        """Called with _lock held. Raises NoThread where there is no thread and none can be made."""
        thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            if not self._threads:
                why = f"the engine cannot be called: {error}; raise the limit of processes (ulimit -u)"
                raise NoThread(why) from error
        else:
            self._threads.add(thread)

    def doubt(self) -> None:
        """The engine has not returned from a call in time."""
        with self._lock:
            self._doubted = True

    def trust(self) -> None:
        """The engine has returned from a call."""
        with self._lock:
            self._doubted = False

    def finish(self, patience: float) -> list[str]:
        """Wait until nothing runs or waits; the cids for which something still does after `patience` seconds.

        An engine that has returned from calls meanwhile is slow, and is given as long once more.
        """
        with self._lock:
            for _ in range(2):
                returned = self._returned
                if self._rest.wait_for(lambda: not self._waiting and not self._running, patience):
                    return []
                if self._returned == returned:
                    break
            return sorted({call.cid for call in (*self._running.values(), *self._waiting)})

    def close(self, timeout: float) -> None:
        """Have the threads end when nothing waits any more, and wait for that for at most `timeout` seconds.

        What is submitted afterwards is called all the same.
        """
        with self._lock:
            self._closed = True
            self._work.notify_all()
            threads = set(self._threads)
            self._rest.wait_for(lambda: not self._threads, timeout)
            ended = threads - self._threads
        for thread in ended:
            thread.join()

    def _run(self) -> None:
        while (call := self._next()) is not None:
            try:
                call.act()
            except Exception:  # the top of the thread: the next call needs it
                log.exception("a call to the engine failed")
            with self._lock:
                del self._running[call.number]
                self._returned += 1
                self._rest.notify_all()
                if self._waiting:
                    self._work.notify_all()  # an end that was held back may be allowed now

    def _next(self) -> _Call | None:
        """The call whose turn it is; None where the thread is to end."""
        with self._lock:
            self._idle += 1
            self._work.wait_for(lambda: self._may_begin() or (self._closed and not self._waiting))
            self._idle -= 1
            if not self._waiting:
                self._threads.discard(threading.current_thread())
                self._rest.notify_all()
                return None
            call = heapq.heappop(self._waiting)
            self._running[call.number] = call
            return call

    def _may_begin(self) -> bool:
        """Whether the first of those that wait may be called. Called with _lock held."""
        if not self._waiting:
            return False
        ends = sum(call.rank == Rank.END for call in self._running.values())
        return self._waiting[0].rank != Rank.END or ends < (1 if self._doubted else max(1, self._size - 1))
