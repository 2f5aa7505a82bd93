"""Sessions: what a conversation has to keep between its turns, as `groups/GROUP/sessions/SESSION.jsonl`.

One JSON object a line, appended by the host only:

    {"kind": "subagent", "id", "status", "text"}    a subagent of this session has ended
    {"kind": "turn", "id", "results": [ids]}        a turn was done that had been told of these

Appended to by delivery's thread, read by the threads that dispatch turns. The group's folder is written by its
containers, so no link is followed here; they have `sessions/` read-only.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from openclaw.errors import InvalidMessage
from openclaw.message import dump_bytes, load_object

log = logging.getLogger(__name__)

TAIL: Final = 1024 * 1024
"""Bytes at the end of a session that are looked at; what is older was seen long ago."""

MAX_RESULT: Final = 16 * 1024
"""Characters of a subagent's text that its session is told; the whole is in its reply."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Sessions:
    """The sessions of every group below `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def unseen(self, group: str, session: str) -> list[dict[str, Any]]:
        """The results of subagents that no turn of the session was told of, as {"id", "status", "text"}."""
        results: dict[str, dict[str, Any]] = {}
        for entry in self._tail(group, session):
            if entry.get("kind") == "subagent":
                results[str(entry.get("id"))] = {key: entry.get(key, "") for key in ("id", "status", "text")}
            elif entry.get("kind") == "turn":
                for seen in entry.get("results", []):
                    results.pop(str(seen), None)
        return list(results.values())

    def add_result(self, reply: dict[str, Any]) -> None:
        """A subagent has its reply: note it for its session, once. Raises OSError."""
        group, session, message_id = reply["group"], reply["session"], reply["id"]
        known = any(entry.get("id") == message_id for entry in self._tail(group, session))
        if known:
            return  # by a process that ended before it could go on
        text = reply["text"] or reply.get("error", "")
        if len(text) > MAX_RESULT:
            text = f"{text[:MAX_RESULT]}… (the whole text is the reply {message_id})"
        self._append(group, session, {"kind": "subagent", "id": message_id, "status": reply["status"], "text": text})

    def add_turn(self, group: str, session: str, turn_id: str, results: list[str]) -> None:
        """A turn was done that had been told of these results. Raises OSError."""
        self._append(group, session, {"kind": "turn", "id": turn_id, "results": results})

    def _append(self, group: str, session: str, entry: dict[str, Any]) -> None:
        folder = self._root / group / "sessions"
        folder.mkdir(exist_ok=True)
        directory = os.open(folder, _DIRECTORY)
        try:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(f"{session}.jsonl", flags, 0o600, dir_fd=directory)
            try:
                size = os.fstat(fd).st_size
                torn = size > 0 and os.pread(fd, 1, size - 1) != b"\n"  # by a power cut; this line is to be whole
                os.write(fd, b"\n" * torn + dump_bytes(entry))
                os.fsync(fd)
            finally:
                os.close(fd)
            os.fsync(directory)
        finally:
            os.close(directory)

    def _tail(self, group: str, session: str) -> Iterator[dict[str, Any]]:
        """The last entries, oldest first; a line that is none is said and left out."""
        path = self._root / group / "sessions" / f"{session}.jsonl"
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        except OSError as error:
            log.error("%s cannot be read: %s", path, error.strerror)
            return
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                log.error("%s is no file and is left out; remove it", path)
                return
            start = max(0, status.st_size - TAIL)
            data = os.pread(fd, TAIL, start)
        finally:
            os.close(fd)
        lines = data.split(b"\n")
        for line in lines[1:] if start else lines:
            if not line:
                continue
            try:
                yield load_object(line)
            except InvalidMessage as error:
                log.error("%s has a damaged line, which is left out: %s", path, error)
