"""EventLog: what happens in one turn, a line each, appended to the turn's file in `out/` for the host to read.

Any thread of the turn may append. The file is opened by the first event, so that a turn without events costs nothing,
and its descriptor is held until the turn is over.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from typing import Any

from agent_runner.cancel import Cancel
from agent_runner.wire import to_bytes
from openclaw.message.frames import MAX_EVENT_LINES, MAX_EVENTS

log = logging.getLogger(__name__)


class EventLog:
    """The events of the turn `turn_id`; `open_file(id)` gives a descriptor to append to, or raises OSError."""

    def __init__(self, turn_id: str, open_file: Callable[[str], int], cancel: Cancel) -> None:
        self._turn_id = turn_id
        self._open_file = open_file
        self._cancel = cancel
        self._lock = threading.Lock()
        # Guarded by _lock: all of these. The write itself is done under it: the kernel takes one append to a file after
        # the other anyway, nobody else ever waits for this lock, and the descriptor is not given back meanwhile.
        self._fd: int | None = None
        self._written = 0
        self._lines = 0
        self._ended = False

    def append(self, body: dict[str, Any]) -> None:
        """Add one event. It is dropped where the turn is cancelled or over, or the file takes no more."""
        line = to_bytes(body)
        with self._lock:
            if self._ended or self._cancel.is_set():
                return
            trouble = self._write(line)
            if trouble:
                self._end()
        if trouble:
            log.warning("turn %s tells no further events: %s", self._turn_id, trouble)

    def close(self) -> None:
        """Give the descriptor back; what comes later is dropped."""
        with self._lock:
            self._end()

    def _write(self, line: bytes) -> str:
        """What is in the way of this line and all that follow; empty where it was written. _lock is held."""
        if self._written + len(line) > MAX_EVENTS:
            return f"they may have {MAX_EVENTS} bytes in all"
        if self._lines >= MAX_EVENT_LINES:
            return f"there may be {MAX_EVENT_LINES} of them"
        try:
            if self._fd is None:
                self._fd = self._open_file(self._turn_id)
            written = os.write(self._fd, line)
        except OSError as error:  # the answer itself may still get through
            return error.strerror or type(error).__name__
        self._written += written
        self._lines += 1
        # What follows half a line would become a part of it.
        return "" if written == len(line) else "the disk took only a part of one"

    def _end(self) -> None:
        self._ended = True
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)
