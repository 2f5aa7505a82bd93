"""Read: the lines of a text file, numbered, a part at a time.

No state; any thread. A file is read no further than it is shown, in pieces of a bounded size.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from agent_runner.tools.checked import CheckedTool
from agent_runner.tools.patience import Patience
from agent_runner.tools.places import FILE_PATH, Places
from agent_runner.tools.tool import ToolFailed, ToolUse

LINES: Final = 2000
"""Lines that are shown unless the caller says."""

LINE: Final = 2000
"""Characters of a line that are shown; of one that is asked for alone OUTPUT are."""

OUTPUT: Final = 50_000
"""Characters that are shown in all."""

LIMIT: Final = 20.0
"""Seconds: some gigabytes are skipped within that."""

_PIECE: Final = 64 * 1024
_PROBE: Final = 8192
"""Bytes at the beginning of a file by which a binary one is known."""


def read_tool(places: Places) -> CheckedTool:
    def act(arguments: dict[str, Any], use: ToolUse) -> str:
        patience = Patience(use, LIMIT, "that is too far inside a very large file; Grep finds lines by what they say")
        first, count = arguments.get("offset", 1), arguments.get("limit", LINES)
        path = arguments["file_path"]
        with places.open(path) as file:
            if b"\0" in file.peek(_PROBE)[:_PROBE]:  # type: ignore[attr-defined]  # os.fdopen gives a BufferedReader
                raise ToolFailed(f"{path} is a binary file; this tool shows text only")
            return _shown(path, file, max(first, 1), count, patience)

    return CheckedTool.made(
        "Read",
        f"Reads a text file. Gives its lines with their numbers, as `cat -n` does: at most {LINES} of them unless you "
        f"say, {OUTPUT} characters in all; longer lines than {LINE} characters are cut. Binary files are not shown.",
        {
            "file_path": FILE_PATH,
            "offset": {"type": "integer", "minimum": 0, "description": "The line to begin with, counted from 1"},
            "limit": {"type": "integer", "minimum": 1, "description": "How many lines"},
        },
        ["file_path"],
        act,
        read_only=True,
    )


def numbered(number: int, line: str) -> str:
    """A line as Read shows it."""
    return f"{number:6}\t{line}"


def _shown(path: str, file: BinaryIO, first: int, count: int, patience: Patience) -> str:
    """`count` lines from the line `first` on, and what is to be asked for to see more."""
    shown: list[str] = []
    room, number = OUTPUT, 0
    for number, line in enumerate(_lines(file, LINE if count > 1 else OUTPUT, patience), 1):
        if number < first:
            continue
        entry = numbered(number, line)
        room -= len(entry) + 1
        if room < 0 and shown:
            return "\n".join([*shown, f"(There is more: go on with offset={number}.)"])
        shown.append(entry)
        if len(shown) == count:
            more = [f"(There is more: go on with offset={number + 1}.)"] if file.read(1) else []
            return "\n".join(shown + more)
    if shown:
        return "\n".join(shown)
    if number == 0:
        return f"({path} is empty.)"
    raise ToolFailed(f"{path} has {number} lines, so there is none at offset {first}")


def _lines(file: BinaryIO, width: int, patience: Patience) -> Iterator[str]:
    """Each line, at most `width` characters of it and a word on how many bytes are left out."""
    while piece := file.readline(_PIECE):
        patience.check()
        length, whole = len(piece), piece.endswith(b"\n")
        while not whole and (rest := file.readline(_PIECE)):
            patience.check()
            length, whole = length + len(rest), rest.endswith(b"\n")
        line = piece.rstrip(b"\r\n").decode(errors="replace")
        if len(line) > width or length > len(piece):
            alone = f"; limit=1 shows up to {OUTPUT} characters of it" if width < OUTPUT else ""
            line = f"{line[:width]}… (a line of {length} bytes{alone})"
        yield line
