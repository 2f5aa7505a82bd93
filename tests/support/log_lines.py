"""Waiting for lines of a log: blocks on the kernel's word that the file has grown, never on time."""

from __future__ import annotations

import os
import select
from pathlib import Path

from openclaw.spool import Inotify

_IN_MODIFY = 0x00000002


class LogLines:
    """The lines of the file at `path`, from its beginning; each is looked at once, so that lines are found in order."""

    def __init__(self, path: Path) -> None:
        self._file = path.open(errors="replace")
        self._inotify = Inotify()
        self._inotify.add_watch(path, _IN_MODIFY)
        self._poll = select.poll()
        self._poll.register(self._inotify.fileno(), select.POLLIN)
        self._begun = ""  # a line whose end is not written yet

    def skip(self) -> None:
        """Leave out what is there already."""
        self._file.seek(0, os.SEEK_END)

    def find(self, text: str, timeout: float = 60.0) -> str:
        """The next line that contains `text`; fails where nothing is written for `timeout` seconds."""
        while True:
            while part := self._file.readline():
                line, self._begun = self._begun + part, ""
                if not line.endswith("\n"):
                    self._begun = line
                elif text in line:
                    return line
            assert self._poll.poll(timeout * 1000), f"{text!r} is not logged"
            self._inotify.read()

    def close(self) -> None:
        self._file.close()
        self._inotify.close()
