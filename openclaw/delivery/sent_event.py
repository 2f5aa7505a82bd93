"""One event of a message: its id, and what its readers see of it.

An id is LINE.SUB: LINE is the last line told of the container's file of events, SUB counts the host's own events after
it. `queued` is 0.1, `started` 0.2, the third line 3.0, what the host tells after it 3.1. A second attempt writes a new
file; its ids have the attempt in front, as in 2-3.0, and come after all of the first. So a host that restarts and reads
a file again from its first line gives the same ids.

Pure values without state.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

_ID = re.compile(r"(?:([1-9][0-9]?)-)?([0-9]{1,9})\.([0-9]{1,9})", re.ASCII)


class Position(NamedTuple):
    """Where an event stands among those of its message; its text is the event's id."""

    attempt: int
    line: int
    sub: int

    @classmethod
    def parse(cls, text: str) -> Position:
        """From an event's id; the beginning for anything else."""
        match = _ID.fullmatch(text)
        return cls(int(match[1] or 1), int(match[2]), int(match[3])) if match else BEGINNING

    def __str__(self) -> str:
        place = f"{self.line}.{self.sub}"
        return place if self.attempt == 1 else f"{self.attempt}-{place}"


BEGINNING: Final = Position(1, 0, 0)


class SentEvent(NamedTuple):
    """One event as its readers see it: id, name, and the JSON object that it bears."""

    id: str
    name: str
    data: dict[str, Any]


class Kept(NamedTuple):
    """One event as it is kept. `payload` is a delta's text, or what another one bears."""

    position: Position
    name: str
    payload: str | dict[str, Any]

    def sent(self) -> SentEvent:
        data = {"text": self.payload} if isinstance(self.payload, str) else self.payload
        return SentEvent(str(self.position), self.name, data)
