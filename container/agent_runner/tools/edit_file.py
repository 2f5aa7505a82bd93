"""Edit: one text in a file put in the place of another. No state; any thread.

Two agents may edit one file: what was changed between reading and writing is not overwritten, but for the moment of
the writing itself.
"""

from __future__ import annotations

import os
from typing import Any, Final

from agent_runner.tools.checked import CheckedTool
from agent_runner.tools.places import FILE_PATH, Places
from agent_runner.tools.read_file import numbered
from agent_runner.tools.tool import ToolFailed, ToolUse
from agent_runner.tools.write_file import MAX_CONTENT, replace

AROUND: Final = 4
"""Lines before and after a change that are shown."""

SHOWN_LINES: Final = 60
SHOWN_PLACES: Final = 10


def edit_tool(places: Places) -> CheckedTool:
    def act(arguments: dict[str, Any], _: ToolUse) -> str:
        return _Edit(places, arguments).done()

    return CheckedTool.made(
        "Edit",
        "Replaces old_string in a text file by new_string. old_string must be in it exactly once, with every space and "
        "line end, unless replace_all is set; the line numbers that Read shows are not a part of it.",
        {
            "file_path": FILE_PATH,
            "old_string": {"type": "string", "description": "What is there now; empty for a file that is new or empty"},
            "new_string": {"type": "string", "maxLength": MAX_CONTENT, "description": "What is to be there instead"},
            "replace_all": {"type": "boolean", "description": "Replace every occurrence; false by default"},
        },
        ["file_path", "old_string", "new_string"],
        act,
        read_only=False,
    )


class _Edit:
    """One call."""

    def __init__(self, places: Places, arguments: dict[str, Any]) -> None:
        self._places = places
        self._path: str = arguments["file_path"]
        self._old: str = arguments["old_string"]
        self._new: str = arguments["new_string"]
        self._all: bool = arguments.get("replace_all", False)

    def done(self) -> str:
        """Do it; what the model is shown. Raises ToolFailed."""
        if self._old == self._new:
            raise ToolFailed("old_string and new_string are the same: there is nothing to change")
        real = self._places.to_write(self._path)
        if not self._old and not os.path.lexists(real):
            os.makedirs(os.path.dirname(real), exist_ok=True)
            replace(real, self._new.encode())
            return f"Made {self._path}."
        text, stamp = self._read(real)
        places = self._find(text)
        changed = self._new if not self._old else text.replace(self._old, self._new)
        if _stamp(os.lstat(real)) != stamp:
            raise ToolFailed(f"{self._path} was changed by somebody else just now: read it again, then edit it")
        replace(real, changed.encode())
        return self._told(changed, text.count("\n", 0, places[0]), len(places))

    def _read(self, real: str) -> tuple[str, tuple[int, ...]]:
        with self._places.open(real) as file:
            stamp = _stamp(os.fstat(file.fileno()))
            data = file.read(4 * MAX_CONTENT + 1)
        if len(data) > 4 * MAX_CONTENT:
            raise ToolFailed(f"{self._path} is too large to be edited: it has more than {4 * MAX_CONTENT} bytes")
        try:
            return data.decode(), stamp
        except UnicodeDecodeError as error:
            raise ToolFailed(f"{self._path} is no UTF-8 text (byte {error.start}), so it cannot be edited") from None

    def _find(self, text: str) -> list[int]:
        """Where old_string is, once unless all are meant. Raises ToolFailed."""
        if not self._old:
            if text:
                raise ToolFailed(f"{self._path} is not empty: old_string must say what is to be replaced")
            return [0]
        if self._old not in text and "\r\n" in text:  # Read shows line ends without it
            self._old, self._new = (one.replace("\r\n", "\n").replace("\n", "\r\n") for one in (self._old, self._new))
        places = _occurrences(text, self._old)
        if not places:
            raise ToolFailed(f"{self._path} does not have old_string: {self._nearly(text)}")
        if len(places) > 1 and not self._all:
            lines = ", ".join(str(text.count("\n", 0, place) + 1) for place in places[:SHOWN_PLACES])
            more = ", …" if len(places) > SHOWN_PLACES else ""
            raise ToolFailed(
                f"{self._path} has old_string {len(places)} times (lines {lines}{more}): "
                "give more of what stands around the one that is meant, or set replace_all"
            )
        return places

    def _nearly(self, text: str) -> str:
        """What is wrong with an old_string that is not there, as far as can be told."""
        if " ".join(self._old.split()) in " ".join(text.split()):
            return "it is there with other spaces or line ends; read the file and copy it exactly"
        return "read the file and copy it exactly, without the line numbers"

    def _told(self, text: str, first: int, count: int) -> str:
        times = f" in {count} places; the first" if count > 1 else ""
        lines = text.split("\n")
        start, end = max(0, first - AROUND), first + self._new.count("\n") + 1 + AROUND
        shown = [numbered(number, line.rstrip("\r")[:500]) for number, line in enumerate(lines[start:end], start + 1)]
        if len(shown) > SHOWN_LINES:
            shown[SHOWN_LINES:] = ["…"]
        return "\n".join([f"Changed {self._path}{times}:", *shown])


def _occurrences(text: str, part: str) -> list[int]:
    """Where `part` begins, as str.replace finds it."""
    found: list[int] = []
    place = text.find(part)
    while place >= 0:
        found.append(place)
        place = text.find(part, place + len(part))
    return found


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
