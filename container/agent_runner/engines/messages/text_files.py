"""TextFiles: small texts of the group's folders, read again only where a file is another than before.

Any number of threads. A file is never waited for, whatever it is; a text is cut where it is too long, and says so;
one that is not UTF-8 has its reader tell the user.
"""

from __future__ import annotations

import codecs
import os
import stat
import threading
from collections import OrderedDict
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

LIMIT: Final = 64 * 1024
"""Bytes of a text that are read."""

KEPT: Final = 32
"""Texts that are kept in memory."""

ENTRIES: Final = 500
"""Entries of a folder that are looked at."""

_UTF8: Final = codecs.getincrementaldecoder("utf-8")
_DAMAGED: Final = (
    "({path} is damaged: it is not UTF-8 at byte {at}, and � stands for what cannot be read. Say so to the user first "
    "of all, by this name, so that it is mended.)"
)
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


class _Known(NamedTuple):
    stamp: tuple[int, int, int]
    text: str


class TextFiles:
    """Texts by their path."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Guarded by _lock: the table.
        self._known: OrderedDict[Path, _Known] = OrderedDict()

    def read(self, path: Path) -> str:
        """What a file says; empty where there is none. Of one that cannot be read, why."""
        try:
            status = path.stat()
        except OSError as error:
            return "" if isinstance(error, (FileNotFoundError, NotADirectoryError)) else _unreadable(path, error)
        stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
        with self._lock:
            known = self._known.get(path)
        if known is not None and known.stamp == stamp:
            return known.text
        try:
            text = _read(path)
        except OSError as error:
            return _unreadable(path, error)
        with self._lock:
            self._known[path] = _Known(stamp, text)
            self._known.move_to_end(path)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return text


def names(folder: Path, suffix: str) -> list[str]:
    """The names in a folder that end so, in order; none where there is no folder that can be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in islice(entries, ENTRIES) if entry.name.endswith(suffix))
    except OSError:
        return []


def _read(path: Path) -> str:
    fd = os.open(path, _FLAGS)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(0, "it is no file")
        data = os.read(fd, LIMIT + 1)
    finally:
        os.close(fd)
    cut = len(data) > LIMIT
    text = _decoded(data[:LIMIT], path, cut=cut)
    return f"{text}\n(Only the first {LIMIT} bytes of {path.name} are shown.)" if cut else text


def _decoded(data: bytes, path: Path, *, cut: bool) -> str:
    """The text, before which damage is told; a character that was `cut` in two at the end is none."""
    try:
        return _UTF8().decode(data, final=not cut).strip()
    except UnicodeDecodeError as error:
        damage = _DAMAGED.format(path=path, at=error.start)
    return f"{damage}\n{_UTF8('replace').decode(data, final=not cut).strip()}"


def _unreadable(path: Path, error: OSError) -> str:
    return f"({path} cannot be read: {error.strerror}.)"
