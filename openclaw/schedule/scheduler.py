"""The scheduler: the one thread, "scheduler", that owns the tasks, and by which everybody else reaches them.

It sleeps in poll(2) until the kernel's timer says that the next task is due or that the clock was set, or until
somebody asks for something. Where nothing is due it never wakes. What the disk or a full queue has not taken is tried
again with a growing pause, during which no timer runs.

`ask` and `finished` may be called from any thread and never wait; `status` looks at the book. Futures come true on the
scheduler's thread: what is called then only hands over.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import select
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from openclaw.errors import SchedulerBusy
from openclaw.schedule import shown
from openclaw.schedule.task import task_of
from openclaw.schedule.timerfd import Heard

if TYPE_CHECKING:
    from openclaw.clock import Clock
    from openclaw.schedule.keeper import Keeper

log = logging.getLogger(__name__)

MAX_ASKED: Final = 1000
"""What people and agents have asked for and waits. Replies come beside that: a task has one run under way at most."""

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
"""Seconds until what was not taken is tried again."""

T = TypeVar("T")
Job = Callable[[], None]

_STOPPING: Final = "the service is stopping; ask again once it is back"


class Alarm(Protocol):
    """What wakes the thread at a moment of the day: a TimerFd."""

    def fileno(self) -> int: ...

    def arm(self, moment: float | None, /) -> bool: ...

    def heard(self) -> Heard: ...

    def close(self) -> None: ...


class Scheduler:
    """Runs `keeper` on its thread. Owns `alarm`, which is closed with it."""

    def __init__(self, keeper: Keeper, alarm: Alarm, clock: Clock) -> None:
        self._keeper = keeper
        self._alarm = alarm
        self._clock = clock
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()  # audit: ok 6.2 bounded by MAX_ASKED and runs
        self._lock = threading.Lock()
        # Guarded by _lock: how many asked and wait, whether it is closed, and the descriptor _wake_fd, so that nobody
        # writes to a number that `close` has given back.
        self._asked = 0
        self._closed = False
        self._wake_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._pause = 0.0  # the thread's own: seconds of the last pause, 0 where all was taken
        self._again_at: float | None = None  # and when it is over, by the monotonic clock
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def start(self) -> None:
        """Take up what the last process left, then what comes due. Messages must be accepted by now."""
        self._thread.start()

    def close(self) -> None:
        """End the thread; a claim that was begun is finished. What was asked and waits is refused."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            os.eventfd_write(self._wake_fd, 1)
        if self._thread.is_alive():
            self._thread.join()
        self._do_jobs()  # refused by now
        with self._lock:
            os.close(self._wake_fd)
        self._alarm.close()

    def ask(self, act: Callable[[Keeper], T]) -> Future[T]:
        """What `act` gives on the scheduler's thread, or a TaskRefused."""
        future: Future[T] = Future()
        with self._lock:
            refusal = _STOPPING if self._closed else ""
            if self._asked >= MAX_ASKED:
                refusal = f"{self._asked} others wait for the scheduler already; ask again in a moment"
            if not refusal:
                self._asked += 1
                self._jobs.put(lambda: self._answer(act, future))
                os.eventfd_write(self._wake_fd, 1)
        if refusal:
            future.set_exception(SchedulerBusy(refusal))
        return future

    def finished(self, message_id: str, reply: dict[str, Any]) -> None:
        """A message has its reply, which may be that of a task's run."""
        if not task_of(message_id):
            return
        with self._lock:
            if not self._closed:  # else the next start finds the reply
                self._jobs.put(lambda: self._keeper.runs.finished(message_id, reply))
                os.eventfd_write(self._wake_fd, 1)

    def status(self) -> dict[str, Any]:
        """How many tasks there are, and which one is due next."""
        return shown.status(self._keeper.book)

    def _answer(self, act: Callable[[Keeper], T], future: Future[T]) -> None:
        with self._lock:
            self._asked -= 1
            closed = self._closed
        if not future.set_running_or_notify_cancel():
            return
        try:
            if closed:
                raise SchedulerBusy(_STOPPING)
            result = act(self._keeper)
        except BaseException as error:
            future.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            future.set_result(result)

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._wake_fd, select.POLLIN)
        poll.register(self._alarm.fileno(), select.POLLIN)
        self._try(self._keeper.begin)
        self._try(self._claim)
        while True:
            patience = self._set_alarm()
            if patience is None or patience > 0:
                poll.poll(patience)
            with self._lock:
                if self._closed:
                    return
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(self._wake_fd)
            self._try(self._hear)
            self._do_jobs()
            self._try(self._claim)

    def _set_alarm(self) -> float | None:
        """Milliseconds that the thread may sleep: until the alarm, None, or until the end of a pause."""
        if self._again_at is not None:
            self._alarm.arm(None)
            return max(0.0, self._again_at - self._clock.monotonic()) * 1000
        if self._alarm.arm(self._keeper.book.next_due()):
            return None
        self._keeper.runs.clock_set()
        return 0

    def _hear(self) -> None:
        if self._alarm.heard() == "clock set":
            log.info("The clock was set; the times of scheduled tasks are looked at again")
            self._keeper.runs.clock_set()

    def _claim(self) -> None:
        if self._again_at is not None and self._clock.monotonic() < self._again_at:
            return
        self._pause = min(2 * self._pause, LONGEST_PAUSE) or FIRST_PAUSE
        self._again_at = self._clock.monotonic() + self._pause  # also where claiming fails on a bug of ours
        if self._keeper.runs.claim_due():
            self._pause, self._again_at = 0.0, None

    def _do_jobs(self) -> None:
        """What has come, one after another; what comes meanwhile wakes the thread again."""
        for _ in range(self._jobs.qsize()):
            self._try(self._jobs.get())

    def _try(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception:  # the top of the thread: what one task does must not end all others
            log.exception("the scheduler could not do something; the tasks go on")
