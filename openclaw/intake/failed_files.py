"""ipc/failed: the dropped files that could not be taken, each beside a NAME.reason.json that says why.

    {"file": "hello.json", "title": "Invalid message", "status": 400, "detail": "…", "at": "2026-01-31T12:00:00Z"}

Owns the naming there; called by the inbox's thread only. Nothing is ever opened: a FIFO, a link or a directory ends
up there as it is.
"""

from __future__ import annotations

import itertools
import logging
import os
import time
from collections.abc import Iterator

from openclaw.clock import Clock
from openclaw.errors import FileRefused, MessageRefused
from openclaw.message import dump_bytes
from openclaw.spool import DropDir
from openclaw.spool.claims import NAME_MAX, shortened
from openclaw.spool.syscalls import rename_new

log = logging.getLogger(__name__)

REASON = ".reason.json"
_NUMBERED = 99  # names tried one by one before one is made that cannot be taken
_ROOM = NAME_MAX - len(REASON) - len("-") - len(str(2**64))


class FailedFiles:
    """Puts files into `failed`. A name that is taken there becomes NAME-2, NAME-3, …"""

    def __init__(self, failed: DropDir, clock: Clock) -> None:
        self._failed = failed
        self._clock = clock

    def put(self, source: DropDir, name: str, original: str, error: FileRefused | MessageRefused) -> None:
        """Move `name` out of `source`, with the reason for it. Raises OSError, and then the file is where it was.

        The reason comes first: a death in between leaves a reason without its file, never a file without its reason.
        """
        reason = dump_bytes(self._reason(original, error))
        for stem in self._stems(original):
            try:
                self._failed.place(stem + REASON, reason, 0o600, replace=False)
            except FileExistsError:
                continue
            try:
                rename_new(name, f"{stem}.json", src_dir_fd=source.fd, dst_dir_fd=self._failed.fd)
            except OSError as moving:
                self._failed.remove(stem + REASON)
                if isinstance(moving, FileExistsError):
                    continue
                raise
            log.warning("ipc/inbox: %r is not taken, see ipc/failed: %r: %s", original, stem + REASON, error)
            return

    def _reason(self, original: str, error: FileRefused | MessageRefused) -> dict[str, str | int]:
        refusal = error if isinstance(error, MessageRefused) else MessageRefused()
        return {
            "file": shown(original),
            "title": refusal.title if isinstance(error, MessageRefused) else "File refused",
            "status": refusal.status,
            "detail": str(error),
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._clock.time())),
        }

    def _stems(self, original: str) -> Iterator[str]:
        """Names to try; without end, since the numbers of the clock in nanoseconds are not used up."""
        stem = shortened(original, _ROOM).removesuffix(".json")
        yield stem
        yield from (f"{stem}-{number}" for number in range(2, _NUMBERED + 1))
        yield from (f"{stem}-{time.time_ns()}" for _ in itertools.count())


def shown(name: str) -> str:
    """A file name as JSON can hold it: bytes that are not UTF-8 become U+FFFD."""
    return os.fsencode(name).decode("utf-8", "replace")
