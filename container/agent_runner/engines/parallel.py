"""Doing several jobs at once on threads of a turn, such as calls that each wait for the host.

The threads are daemons: a runner that is told to end does not wait for what they wait for.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

AT_ONCE = 16
"""Jobs of one turn that run at the same time."""


def run_all(jobs: Sequence[Callable[[], T]]) -> list[T | Exception]:
    """What each job returns or raises, in their order. Blocks until the last is done; the caller's thread works too."""
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, T | Exception]] = queue.SimpleQueue()
    for number in range(len(jobs)):
        waiting.put(number)

    def work() -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                number = waiting.get_nowait()
                done.put((number, _outcome(jobs[number])))

    with contextlib.suppress(RuntimeError):  # the container's limit on processes: fewer threads do it, too
        for _ in range(min(len(jobs), AT_ONCE) - 1):
            threading.Thread(target=work, name="jobs", daemon=True).start()
    work()
    outcomes = dict(done.get() for _ in jobs)
    return [outcomes[number] for number in range(len(jobs))]


def _outcome(job: Callable[[], T]) -> T | Exception:
    try:
        return job()
    except Exception as error:  # the top of the thread: it is the caller's to handle
        return error
