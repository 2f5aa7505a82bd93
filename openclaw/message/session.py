"""A session as it lies on disk, `groups/GROUP/sessions/SESSION.jsonl`, and what its lines mean together.

One JSON object a line, written by the host only, read by the host and by runners:

    {"kind": "messages", "id", "at", "messages", "tokens"?}   what a turn has left: see record
    {"kind": "summary", "id", "at", "upto", "text"}           the text stands for every turn up to that one
    {"kind": "new", "id", "at"}                               a fresh session begins: what was before is over
    {"kind": "subagent", "id", "status", "text"}              a subagent of this session has ended
    {"kind": "turn", "id", "results": [ids]}                  a turn was told of these

`id` is that of the turn, or of the subagent; `at` seconds since 1970. Of two lines about one turn the later counts.
Pure functions; a line that cannot be read is counted, never passed over in silence.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from openclaw.errors import InvalidMessage
from openclaw.message.record import MAX_RECORD
from openclaw.message.strict_json import load_object

MAX_SESSION: Final = 4 * 1024 * 1024
"""Bytes at which the host moves a session's older turns to the archive."""

MAX_READ: Final = MAX_SESSION + 2 * MAX_RECORD
"""Bytes at the end of a session that are ever read."""

Entry = dict[str, Any]


class Lines(NamedTuple):
    """The lines of a piece of a session: those that could be read, in order, and how many could not.

    `torn` says that the piece ends within a line, which is not among the damaged.
    """

    entries: list[Entry]
    damaged: int
    torn: bool


class Session:
    """What the lines that were added so far mean together."""

    def __init__(self) -> None:
        self.turns: dict[str, Entry] = {}
        """The last "messages" line of each turn that counts, in order."""
        self.summary: Entry | None = None
        """The "summary" line that stands for the turns before."""
        self.results: dict[str, Entry] = {}
        """The "subagent" lines, by id."""
        self.told: dict[str, str] = {}
        """The id of each subagent of which a turn was told, and of that turn."""

    def add(self, entry: Entry) -> None:
        """Take in the next line."""
        turn_id = str(entry.get("id"))
        match entry.get("kind"):
            case "messages":
                self.turns.pop(turn_id, None)  # the later one counts, at its own place
                self.turns[turn_id] = entry
            case "new":
                self.turns.clear()
                self.summary = None
            case "summary":
                self.covered(str(entry.get("upto")))
                self.summary = entry
            case "subagent" if turn_id not in self.told:
                self.results.setdefault(turn_id, entry)
            case "turn":
                for child, teller in self.told.items():
                    if teller != turn_id:  # nobody asks for its text any more
                        self.results.pop(child, None)
                self.told.update((str(seen), turn_id) for seen in entry["results"])

    def covered(self, upto: str) -> list[Entry]:
        """Take out the turns up to and with `upto`; those that were. None where that one is not there."""
        if upto not in self.turns:
            return []
        gone = []
        for turn_id in list(self.turns):
            gone.append(self.turns.pop(turn_id))
            if turn_id == upto:
                break
        return gone

    def unseen(self, turn_id: str = "") -> list[Entry]:
        """The results of which no turn was told, an earlier attempt at `turn_id` aside."""
        return [entry for child, entry in self.results.items() if child not in self.told or self.told[child] == turn_id]


def read_lines(data: bytes, *, whole: bool = True) -> Lines:
    """The lines in `data`; without `whole` it begins within a line, which is left out.

    What follows the last newline counts where it is complete. Else it is a line that is being written, or that a power
    cut has torn before it was acknowledged, or one of which the end was lost later: only the file's writer can tell.
    """
    *lines, last = data.split(b"\n")
    if not whole and lines:
        del lines[0]
    entries, damaged = [], 0
    for line in lines:
        entry = _entry(line) if line else None
        if entry is not None:
            entries.append(entry)
        elif line:
            damaged += 1
    end = _entry(last) if last else None
    if end is not None:
        entries.append(end)
    return Lines(entries, damaged, torn=bool(last) and end is None)


def _entry(line: bytes) -> Entry | None:
    try:
        entry = load_object(line)
    except InvalidMessage:
        return None
    return entry if _is_sound(entry) else None


def _is_sound(entry: Entry) -> bool:
    """Whether a line has what its kind needs. A kind that is not known here is let be."""
    match entry:
        case {"kind": "messages", "id": str(), "messages": list()}:
            return True
        case {"kind": "summary", "id": str(), "upto": str(), "text": str()}:
            return True
        case {"kind": "subagent", "id": str(), "status": str(), "text": str()}:
            return True
        case {"kind": "turn", "id": str(), "results": list()}:
            return True
        case {"kind": "new", "id": str()}:
            return True
        case {"kind": str(kind)}:
            return kind not in ("messages", "summary", "subagent", "turn", "new")
    return False
