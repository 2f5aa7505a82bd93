"""History: what the earlier turns of a session have left, as their runner is to show it to the model.

Read from the session's file, which the host writes; here it is only read, with a bound, and kept as it goes into a
request: turns as encoded JSON. A file that has grown is read from where it ended before. Nothing is passed over in
silence: what cannot be read is among the notes, for the sender. Any number of threads.
"""

from __future__ import annotations

import logging
import os
import stat
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from agent_runner.engines.messages.encoding import encode
from openclaw.message.session import MAX_READ, Entry, Session, read_lines

log = logging.getLogger(__name__)

KEPT: Final = 4 * 1024 * 1024
"""Bytes of sessions that are kept in memory, all together."""

_PROBE = 256
"""Bytes before the end of what was read by which a file is recognised that has only grown."""

LOOK_AGAIN: Final = 0.1
"""Seconds after which a file is read again that is empty, or ends within a line: the host may be writing it now."""

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DAMAGED = (
    "(A part of this session's history is damaged and was left out. The damaged file is kept in the group's folder, "
    "under sessions/, with .damaged in its name.)"
)


class Past(NamedTuple):
    """One earlier turn: its messages as JSON, without the brackets around them, and the tokens that it had filled."""

    id: str
    data: bytes
    tokens: int


class History(NamedTuple):
    """`summary` stands for what was before `turns`; `notes` are for the sender."""

    turns: list[Past]
    summary: str = ""
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Known:
    """A session's file as far as it was read."""

    inode: int
    size: int
    mtime_ns: int
    end: int
    """Where the last whole line ends."""
    probe: bytes
    session: Session
    damaged: bool
    torn: bool
    """Whether it is empty, or ends within a line."""


class Histories:
    """The sessions in the folder `sessions`."""

    def __init__(self, folder: Path, sleep: Callable[[float], object] = time.sleep) -> None:
        self._folder = folder
        self._sleep = sleep
        self._lock = threading.Lock()
        # Guarded by _lock: the table. What is in it is never changed, only replaced.
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def of(self, session: str, turn_id: str) -> History:
        """What the session's turns have left, an earlier attempt at `turn_id` aside."""
        try:
            known = self._read(session)
            if known is not None and known.torn:
                self._sleep(LOOK_AGAIN)
                known = self._read(session)
        except OSError as error:
            log.error("the session %s cannot be read: %s", session, error)
            return History([], notes=(_unreadable(session, error),))
        if known is None:
            return History([])
        turns = [entry["past"] for turn, entry in known.session.turns.items() if turn != turn_id]
        summary = known.session.summary["text"] if known.session.summary is not None else ""
        notes = (_DAMAGED,) if known.damaged or known.torn else ()
        return History([past for past in turns if past.data], summary, notes)

    def _read(self, session: str) -> _Known | None:
        """What the session's file says now; None where there is none. Raises OSError."""
        with self._lock:
            known = self._known.get(session)
        try:
            fd = os.open(self._folder / f"{session}.jsonl", _FLAGS)
        except FileNotFoundError:
            return None
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(0, "what lies in its place is no file")
            if known is None or (known.inode, known.size, known.mtime_ns) != _stamp(status):
                known = _read_on(fd, status, known)
                self._keep(session, known)
        finally:
            os.close(fd)
        return known

    def _keep(self, session: str, known: _Known) -> None:
        with self._lock:
            self._known[session] = known
            self._known.move_to_end(session)
            kept = sum(one.size for one in self._known.values())
            while self._known and kept > KEPT:
                _, dropped = self._known.popitem(last=False)
                kept -= dropped.size


def _unreadable(session: str, error: OSError) -> str:
    """What the sender is told. Only of a file that is shut: the host sets aside whatever is none of its own."""
    why = f"(This session's history, sessions/{session}.jsonl in the group's folder, cannot be read: {error.strerror}."
    if not isinstance(error, PermissionError):
        return f"{why})"
    return (
        f"{why} Give it back to the user as whom openclaw runs (chown, chmod 600), or move it away and send /new to "
        "begin a fresh session.)"
    )


def _read_on(fd: int, status: os.stat_result, known: _Known | None) -> _Known:
    """Read the file, or only what has come to it since `known`."""
    shrunk = known is not None and status.st_ino == known.inode and status.st_size < known.end
    if known is not None and _has_grown(fd, status, known):
        begin, whole, session, damaged = known.end, True, _copy(known.session), known.damaged
    else:
        begin = max(0, status.st_size - MAX_READ)
        whole, session, damaged = begin == 0, Session(), begin > 0 or shrunk
    data = os.pread(fd, MAX_READ, begin)
    lines = read_lines(data, whole=whole)
    for entry in lines.entries:
        if entry["kind"] in ("messages", "summary", "new"):
            session.add(_light(entry))
    end = begin + data.rfind(b"\n") + 1
    probe = os.pread(fd, min(_PROBE, end), max(0, end - _PROBE))
    torn = lines.torn or begin + len(data) == 0
    return _Known(*_stamp(status), end, probe, session, damaged or lines.damaged > 0, torn)


def _has_grown(fd: int, status: os.stat_result, known: _Known) -> bool:
    if status.st_ino != known.inode or status.st_size < known.end:
        return False
    return os.pread(fd, len(known.probe), known.end - len(known.probe)) == known.probe


def _copy(session: Session) -> Session:
    copy = Session()
    copy.turns, copy.summary = dict(session.turns), session.summary
    return copy


def _light(entry: Entry) -> Entry:
    """A line with its messages as a request has them."""
    if entry["kind"] != "messages":
        return entry
    tokens = entry.get("tokens", 0)
    past = Past(entry["id"], encode(entry["messages"])[1:-1], tokens if isinstance(tokens, int) else 0)
    return {"kind": "messages", "id": entry["id"], "past": past}


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns
