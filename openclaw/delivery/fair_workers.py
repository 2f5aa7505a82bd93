"""FairWorkers: blocking work on few threads, in turns by key, so that one slow key does not hold up the others.

Owns at most `threads` threads, which exist only while there is work. `put` may be called from any thread and never
blocks; how much is put is bounded by the caller.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(slots=True)
class _Line(Generic[T]):
    waiting: deque[T] = field(default_factory=deque)
    busy: int = 0


class FairWorkers(Generic[T]):
    """Calls `act(item)` for each item, at most `threads` at once and `per_key` of one key."""

    def __init__(self, name: str, act: Callable[[T], None], *, threads: int, per_key: int) -> None:
        self._name = name
        self._act = act
        self._limit = threads
        self._per_key = per_key
        self._lock = threading.Lock()
        # Guarded by _lock: what waits and what is under way by key, the next key first; the threads; whether to end.
        self._lines: dict[str, _Line[T]] = {}
        self._threads: set[threading.Thread] = set()
        self._closed = False

    def put(self, key: str, item: T) -> None:
        """Have the item done as soon as a thread and its key are free. After `close` it is dropped."""
        with self._lock:
            if self._closed:
                return
            self._lines.setdefault(key, _Line()).waiting.append(item)
            if len(self._threads) >= self._limit:
                return  # a thread looks once more before it ends
            thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._threads.add(thread)
        thread.start()

    def close(self, timeout: float) -> None:
        """Begin nothing more and wait for what is under way, `timeout` seconds for each thread."""
        with self._lock:
            self._closed = True
            threads = set(self._threads)
        for thread in threads:
            thread.join(timeout)

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            key, item = taken
            try:
                self._act(item)
            except Exception:  # the top of the thread: one bad item must not end the others' worker
                log.exception("%s could not handle %r", self._name, item)
            finally:
                self._release(key)

    def _take(self) -> tuple[str, T] | None:
        """The next item of the key whose turn it is; None ends the thread."""
        with self._lock:
            for key, line in () if self._closed else self._lines.items():
                if line.waiting and line.busy < self._per_key:
                    line.busy += 1
                    self._lines[key] = self._lines.pop(key)  # to the end of the round
                    return key, line.waiting.popleft()
            self._threads.discard(threading.current_thread())
            return None

    def _release(self, key: str) -> None:
        with self._lock:
            line = self._lines[key]
            line.busy -= 1
            if not line.busy and not line.waiting:
                del self._lines[key]
