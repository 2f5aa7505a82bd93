"""Disposal: directories that are to go, removed where nobody waits for it.

What a container leaves behind may be a million files. So whoever lets go of a channel only has it renamed, and the
thread "disposal" removes it, a slice of each in turn; it is made with the first one and sleeps while there is none.
What a process does not get done bears a hidden name, by which the next one finds it.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from pathlib import Path
from typing import Final

from openclaw.containers.removal import remove_tree

log = logging.getLogger(__name__)

PREFIX: Final = ".gone."
"""Begins the name of what is to be removed."""
MAX_SLICES: Final = 1000
"""Slices that one directory gets, each of removal.MAX_REMOVED entries: something may still be filling it."""
CLOSE_TIMEOUT: Final = 3.0


class Disposal:
    """`dispose` may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        # Guarded by _lock: what is to go, with the slices that it had; whether one is in hand; and _closed.
        self._waiting: deque[tuple[Path, int]] = deque()
        self._busy = False
        self._closed = False
        self._thread: threading.Thread | None = None

    def dispose(self, path: Path) -> None:
        """Have the directory `path` removed; its name is free at once. One that is gone is fine."""
        gone = path if path.name.startswith(".") else path.with_name(f"{PREFIX}{path.name}")
        try:
            if gone != path:
                path.rename(gone)
        except FileNotFoundError:
            log.debug("%s is gone already", path)
            return
        except OSError as error:
            log.warning("%s cannot be removed: %s; the next start tries again", path, error.strerror)
            return
        with self._lock:
            self._waiting.append((gone, 0))
            try:
                self._need_thread()
            except RuntimeError as error:  # "can't start new thread": the next one that is to go tries again
                log.warning("%s is removed later, or at the next start: %s", gone, error)
            self._changed.notify_all()

    def _need_thread(self) -> None:
        """Called with _lock held. Raises RuntimeError where none can be made."""
        if self._thread is None or not self._thread.is_alive():
            thread = threading.Thread(target=self._run, name="disposal", daemon=True)
            thread.start()
            self._thread = thread

    def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Remove what waits, for at most `timeout` seconds, then end the thread; the rest is the next start's."""
        with self._lock:
            self._closed = True
            self._changed.notify_all()
            done = self._changed.wait_for(lambda: not self._waiting and not self._busy, timeout)
            if not done:
                log.warning("%d folders could not be removed in time; the next start goes on", len(self._waiting) + 1)
                self._waiting.clear()
            thread = self._thread
        if done and thread is not None:
            thread.join()

    def _run(self) -> None:
        while (item := self._next()) is not None:
            path, slices = item
            done = True
            try:
                done = remove_tree(path)
            except OSError as error:
                log.warning("%s cannot be removed: %s; the next start tries again", path, error)
            except Exception:  # the top of the thread: the others are to go all the same
                log.exception("%s cannot be removed", path)
            if not done and slices + 1 >= MAX_SLICES:
                log.warning("%s is still being filled; the next start removes it", path)
                done = True
            with self._lock:
                self._busy = False
                if not done:
                    self._waiting.append((path, slices + 1))
                self._changed.notify_all()

    def _next(self) -> tuple[Path, int] | None:
        with self._lock:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if not self._waiting:
                return None
            self._busy = True
            return self._waiting.popleft()
