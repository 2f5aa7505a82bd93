"""The search behind Grep: a program of its own, since a regular expression may take for ever and is then killed.

    python -I -S grep_program.py < request.json > answer.json

The request: {"pattern", "ignore_case", "multiline", "mode", "before", "after", "numbers", "files", "follow", "skip",
"limit", "room", "alarm_s"}; `files` are paths in the order of the answer, `follow` says that they may be links, `limit`
(0: none) and `room` bound the lines and characters of the answer, `skip` leaves lines out at its beginning. The answer:
{"lines", "more", "binary", "unread", "too_large"} or {"error"}. Imports nothing of the project.
"""

from __future__ import annotations

import collections
import json
import os
import re
import resource
import signal
import stat
import sys
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, BinaryIO

LINE = 500
"""Characters of a line that are shown."""

WHOLE = 8 * 1024 * 1024
"""Bytes of a file that is searched across its lines."""

MEMORY = 512 * 1024 * 1024
"""Bytes of address space."""

_PIECE = 1024 * 1024
_PROBE = 8192


class Full(Exception):  # no error: the answer has what was asked for
    """The answer takes no more."""


class Answer:
    """The lines of the answer, within their bounds, and what was left out."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._skip: int = request["skip"]
        self._limit: int = request["limit"] or sys.maxsize
        self._room: int = request["room"]
        self.lines: list[str] = []
        self.counts = {"binary": 0, "unread": 0, "too_large": 0}
        self.more = False

    def add(self, line: str) -> None:
        """Raises Full where there is no room for it."""
        if self._skip:
            self._skip -= 1
            return
        self._room -= len(line) + 1
        if len(self.lines) >= self._limit or self._room < 0:
            self.more = True
            raise Full
        self.lines.append(line)


class Search:
    """One request."""

    def __init__(self, request: dict[str, Any], pattern: re.Pattern[str]) -> None:
        self.pattern = pattern
        self.multiline: bool = request["multiline"]
        self.before: int = request["before"]
        self.after: int = request["after"]
        self.numbers: bool = request["numbers"]
        self._flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
        self._flags |= 0 if request["follow"] else os.O_NOFOLLOW
        self.answer = Answer(request)

    def run(self, mode: str, files: list[str]) -> None:
        if mode == "content":
            for path, file in self._opened(files):
                self._show(path, file)
        elif mode == "count":
            for path, file in self._opened(files):
                count = sum(1 for _ in self._matches(file))
                if count:
                    self.answer.add(f"{path}:{count}")
        else:
            found = [
                (os.fstat(file.fileno()).st_mtime_ns, path)
                for path, file in self._opened(files)
                if any(True for _ in self._matches(file))
            ]
            for _, path in sorted(found, key=lambda one: (-one[0], one[1])):
                self.answer.add(path)

    def _opened(self, files: list[str]) -> Iterator[tuple[str, BinaryIO]]:
        """Each file of text."""
        for path in files:
            try:
                fd = os.open(path, self._flags)
                with os.fdopen(fd, "rb") as file:
                    status = os.fstat(fd)
                    if not stat.S_ISREG(status.st_mode):
                        self.answer.counts["unread"] += 1
                    elif b"\0" in os.pread(fd, _PROBE, 0):
                        self.answer.counts["binary"] += 1
                    elif self.multiline and status.st_size > WHOLE:
                        self.answer.counts["too_large"] += 1
                    else:
                        yield path, file
            except OSError:
                self.answer.counts["unread"] += 1

    def _matches(self, file: BinaryIO) -> Iterator[object]:
        """One for each line, or with `multiline` for each place, that matches."""
        if self.multiline:
            yield from self.pattern.finditer(file.read(WHOLE).decode(errors="replace"))
        else:
            yield from (number for number, line in _lines(file) if self.pattern.search(line))

    def _show(self, path: str, file: BinaryIO) -> None:
        if self.multiline:
            text = file.read(WHOLE).decode(errors="replace")
            lines = enumerate(text.removesuffix("\n").split("\n"), 1)
            self._show_lines(path, lines, _lines_of_matches(text, self.pattern))
        else:
            self._show_lines(path, _lines(file), None)

    def _show_lines(self, path: str, lines: Iterator[tuple[int, str]], matched: set[int] | None) -> None:
        """What matches, and what stands around it."""
        waiting: collections.deque[tuple[int, str]] = collections.deque(maxlen=self.before)
        last, open_until = 0, 0
        for number, line in lines:
            hit = number in matched if matched is not None else self.pattern.search(line) is not None
            if hit:
                first = waiting[0][0] if waiting else number
                if last and first > last + 1 and (self.before or self.after):
                    self.answer.add("--")
                for early, text in waiting:
                    self._add(path, early, text, "-")
                waiting.clear()
                self._add(path, number, line, ":")
                last, open_until = number, number + self.after
            elif number <= open_until:
                self._add(path, number, line, "-")
                last = number
            else:
                waiting.append((number, line))

    def _add(self, path: str, number: int, line: str, mark: str) -> None:
        line = line.rstrip("\r\n")
        shown = line if len(line) <= LINE else f"{line[:LINE]}… ({len(line)} characters)"
        place = f"{number}{mark}" if self.numbers else ""
        self.answer.add(f"{path}{mark}{place}{shown}")


def _lines(file: BinaryIO) -> Iterator[tuple[int, str]]:
    """Numbered lines; a very long one comes in pieces of one number."""
    number, begins = 0, True
    while piece := file.readline(_PIECE):
        number += begins
        begins = piece.endswith(b"\n")
        yield number, piece.rstrip(b"\r\n").decode(errors="replace")


def _lines_of_matches(text: str, pattern: re.Pattern[str]) -> set[int]:
    """The number of each line that has a part in a match."""
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    found: set[int] = set()
    for match in pattern.finditer(text):
        first = bisect_right(starts, match.start())
        found.update(range(first, max(first, bisect_right(starts, match.end() - 1)) + 1))
    return found


def main() -> dict[str, Any]:
    request = json.load(sys.stdin)
    signal.alarm(request["alarm_s"])
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    flags = re.IGNORECASE if request["ignore_case"] else re.NOFLAG
    if request["multiline"]:
        flags |= re.MULTILINE | re.DOTALL
    try:
        pattern = re.compile(request["pattern"], flags)
    except (re.error, OverflowError, RecursionError) as error:
        return {"error": f"the pattern is no regular expression as Python's re takes it: {error}"}
    search = Search(request, pattern)
    try:
        search.run(request["mode"], request["files"])
    except Full:
        pass
    except MemoryError:
        return {"error": "the search takes too much memory: narrow it down by path, glob or type"}
    return {"lines": search.answer.lines, "more": search.answer.more, **search.answer.counts}


if __name__ == "__main__":
    json.dump(main(), sys.stdout)
