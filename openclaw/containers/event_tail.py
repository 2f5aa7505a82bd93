"""EventTail: the events of one turn, read while a container appends to their file.

The descriptor is held from the first look on, so that whatever is put in the file's place is not read. What comes is
hostile: lines are bounded, the whole is bounded, and a file that shrinks or is replaced ends the container.

Belongs to the thread that takes from `out/`.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from openclaw.errors import ChannelViolation, FileRefused, InvalidMessage
from openclaw.message import events_name, load_object
from openclaw.message.frames import MAX_EVENT, MAX_EVENT_DETAIL, MAX_EVENT_LINES, MAX_EVENT_NAME, MAX_EVENTS
from openclaw.spool import DropDir

_CHUNK = MAX_EVENT
"""Bytes that one look reads: some 10 ms of work where a container writes the smallest events that there are."""


class Event(NamedTuple):
    """A line of events: its number in the file, from 1, and what it says."""

    number: int
    body: dict[str, Any]


class EventTail:
    """What was appended to ID.events.jsonl since the last look, in `taken` bytes; `behind`: there may be more."""

    def __init__(self, directory: DropDir, turn_id: str, uid: int) -> None:
        """Raises FileNotFoundError, or ChannelViolation where it is no honest file."""
        self._directory = directory
        self._name = events_name(turn_id)
        try:
            self._fd = directory.open(self._name, uid)
        except FileRefused as error:
            raise ChannelViolation(f"{self._name}: {error}") from error
        self._inode = os.fstat(self._fd).st_ino
        self._read = 0
        self._rest = b""
        self._count = 0
        self.taken = 0
        self.behind = False

    def close(self) -> None:
        os.close(self._fd)

    def read(self) -> list[Event]:
        """The next whole lines that were not read yet. Raises ChannelViolation."""
        self._check_same()
        chunk = os.pread(self._fd, _CHUNK, self._read)
        self.taken = len(chunk)
        self.behind = self.taken == _CHUNK
        self._read += self.taken
        if self._read > MAX_EVENTS:
            raise ChannelViolation(f"{self._name} is longer than {MAX_EVENTS} bytes")
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if self._count + len(lines) > MAX_EVENT_LINES:
            raise ChannelViolation(f"{self._name} has more than {MAX_EVENT_LINES} lines")
        if len(self._rest) > MAX_EVENT:
            raise ChannelViolation(f"{self._name} has a line of more than {MAX_EVENT} bytes")
        return [self._event(line) for line in lines]

    def _check_same(self) -> None:
        """The name must still be the file that is held, and as long as what was read of it."""
        try:
            same = self._directory.origin(self._name).inode == self._inode
        except FileNotFoundError:
            same = False
        if not same or os.fstat(self._fd).st_size < self._read:
            raise ChannelViolation(f"{self._name} was replaced or cut; it may only be appended to")

    def _event(self, line: bytes) -> Event:
        if len(line) > MAX_EVENT:
            raise ChannelViolation(f"{self._name} has a line of more than {MAX_EVENT} bytes")
        self._count += 1
        try:
            body = load_object(line)
        except InvalidMessage as error:
            raise ChannelViolation(f"line {self._count} of {self._name}: {error}") from error
        if not _is_event(body):
            raise ChannelViolation(f"line {self._count} of {self._name} is no event")
        return Event(self._count, body)


def _is_event(body: dict[str, Any]) -> bool:
    if body.get("kind") == "delta":
        return set(body) == {"kind", "text"} and isinstance(body["text"], str)
    name, detail = body.get("name"), body.get("detail", "")
    known = body.get("kind") == "tool" and set(body) <= {"kind", "name", "detail"}
    return known and _short(name, MAX_EVENT_NAME) and _short(detail, MAX_EVENT_DETAIL)


def _short(value: object, limit: int) -> bool:
    return isinstance(value, str) and len(value) <= limit
