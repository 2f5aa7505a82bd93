"""Tick: looks at everything that is only hinted at, one thing after another, again and again.

Owns a thread, "tick". Its steps come one by one and on one thread, though they concern several: where they ran side by
side they would wait for each other's interpreter lock, and an idle service would wake twice as often.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final

log = logging.getLogger(__name__)

CLOSE_TIMEOUT = 1.0
"""Seconds for the step that runs at the end; what it asks of the engine has been broken off before."""


class Tick:
    """Calls each of `steps`, which may block, every `interval_s` seconds from `start` to `close`."""

    def __init__(self, interval_s: float, steps: Sequence[Callable[[], None]]) -> None:
        self._interval_s = interval_s
        self._steps = steps
        self.closed: Final = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tick", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Begin no further step."""
        self.closed.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_TIMEOUT)

    def _run(self) -> None:
        while not self.closed.wait(self._interval_s):
            for step in self._steps:
                if not self.closed.is_set():
                    self._take(step)

    def _take(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception:  # the top of the thread: one look that failed must not end all the others
            log.exception("a step of the health tick failed")
