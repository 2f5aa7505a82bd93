"""Cancel: the event that ends a turn early, also for a thread that waits for something else.

Set by the channel's thread, once; looked at and waited for by the threads that work on the turn. What is called when
it is set runs on the setter's thread: it must be quick, and must not raise.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Cancel(threading.Event):
    """An event that wakes those who wait on it, and calls those who wait elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        # Guarded by _lock: what is to be called once it is set.
        self._acts: list[Callable[[], None]] = []

    def set(self) -> None:
        super().set()
        with self._lock:
            acts, self._acts = self._acts, []
        for act in acts:
            act()

    @contextmanager
    def calling(self, act: Callable[[], None]) -> Iterator[None]:
        """Inside the block have `act` called once it is set, at once where it is; at most once.

        The setter may be at it just when the block ends, so `act` must do no harm afterwards.
        """
        with self._lock:
            self._acts.append(act)
        if self.is_set():
            self.set()  # it was set before or meanwhile, and may have missed this one
        try:
            yield
        finally:
            with self._lock:
                if act in self._acts:
                    self._acts.remove(act)
