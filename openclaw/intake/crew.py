"""Crew: the threads that serve connections; each stays a while after its last one, ready for the next.

A thread that waits already is there at once, where a new one costs a stack, a few system calls and, in a burst, its
turn to say that it has started. Owns as many threads as there are connections at a time; those that nobody needs end.
`serve` is called by the accept thread, `close` by whoever owns the server.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

STAY_S = 10.0
"""Seconds that a thread waits for its next connection."""

Job = Callable[[], None]


class Crew:
    """Runs each job on a thread of its own, a waiting one where there is one."""

    def __init__(self, name: str, stay_s: float = STAY_S) -> None:
        self._name = name
        self._stay_s = stay_s
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        # Guarded by _lock: the threads that wait and have no job promised, and whether none may wait any more. Whoever
        # takes one off _waiting puts a job, or None, into _jobs: a promise that is kept at once.
        self._waiting = 0
        self._closed = False

    def serve(self, job: Job) -> None:
        """Run `job`, which raises nothing. Raises RuntimeError where a thread is needed and none can be started."""
        with self._lock:
            waits = self._waiting > 0
            self._waiting -= waits
        if waits:
            self._jobs.put(job)
        else:
            threading.Thread(target=self._work, args=(job,), name=self._name, daemon=True).start()

    def close(self) -> None:
        """Let those go that wait; the others end after their job."""
        with self._lock:
            self._closed = True
            waiting, self._waiting = self._waiting, 0
        for _ in range(waiting):
            self._jobs.put(None)

    def _work(self, job: Job | None) -> None:
        while job is not None:
            job()
            job = self._next()

    def _next(self) -> Job | None:
        with self._lock:
            if self._closed:
                return None
            self._waiting += 1
        try:
            return self._jobs.get(timeout=self._stay_s)
        except queue.Empty:
            with self._lock:
                if self._waiting:
                    self._waiting -= 1
                    return None
        return self._jobs.get()  # promised just now to one of those that waited
