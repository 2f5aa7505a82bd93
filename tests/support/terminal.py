"""A terminal for a command: a pseudo-terminal, and a screen that shows what a person would see there.

The screen knows what openclaw and readline write, and fails on any other sequence, so that a test notices one.
"""

from __future__ import annotations

import codecs
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

_BOUND = 120.0
_SEQUENCE = re.compile(r"\x1b(?:\[([?0-9;]*)([A-Za-z@])|([D78=>]))")
_BEGUN = re.compile(r"\x1b(?:\[[?0-9;]*)?$")


class Screen:
    """Rows of cells, which scroll. `lines` is what is seen, with what has scrolled away before it."""

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        self._columns = columns
        self._rows = rows
        self._cells: list[list[str]] = [[" "] * columns for _ in range(rows)]
        self._gone: list[str] = []
        self._row = self._column = 0
        self._saved = (0, 0)
        self._full = False  # the last cell is written: the next character wraps
        self._rest = ""
        self.raw = ""

    @property
    def lines(self) -> list[str]:
        seen = [_text(row) for row in self._cells]
        while seen and not seen[-1]:
            seen.pop()
        return self._gone + seen

    @property
    def cursor(self) -> tuple[int, int]:
        """Row, of those that are seen, and column."""
        return self._row, self._column

    def feed(self, text: str) -> None:
        self.raw += text
        text, self._rest = self._rest + text, ""
        place = 0
        while place < len(text):
            if text[place] == "\x1b":
                match = _SEQUENCE.match(text, place)
                if match is None:
                    assert _BEGUN.match(text, place), f"unknown sequence {text[place : place + 12]!r}"
                    self._rest = text[place:]
                    return
                self._obey(match[1] or "", f"[{match[2]}" if match[2] else match[3])
                place = match.end()
            else:
                self._put(text[place])
                place += 1

    def _put(self, character: str) -> None:
        match character:
            case "\r":
                self._column, self._full = 0, False
            case "\n":
                self._down()
            case "\b":
                self._column, self._full = max(0, self._column - 1), False
            case "\a":
                pass
            case _ if unicodedata.combining(character):
                self._cells[self._row][max(0, self._column - 1)] += character
            case _:
                assert character.isprintable(), f"{character!r} is written to the terminal"
                self._print(character, 2 if unicodedata.east_asian_width(character) in "WF" else 1)

    def _print(self, character: str, width: int) -> None:
        if self._full or self._column + width > self._columns:
            self._column = 0
            self._down()
        self._cells[self._row][self._column] = character
        for cell in range(self._column + 1, self._column + width):
            self._cells[self._row][cell] = ""
        self._column += width
        self._full = self._column == self._columns
        self._column -= self._full

    def _down(self) -> None:
        self._full = False
        if self._row < self._rows - 1:
            self._row += 1
            return
        self._gone.append(_text(self._cells.pop(0)))
        self._cells.append([" "] * self._columns)

    def _obey(self, given: str, name: str) -> None:
        number = int(given) if given.isdigit() else 0
        match name:
            case "D":
                self._down()
            case "7":
                self._saved = (self._row, self._column)
            case "8":
                (self._row, self._column), self._full = self._saved, False
            case "[A" | "[B" | "[C" | "[D":
                self._move(name[1], max(1, number))
            case "[K" | "[J" | "[P" | "[@":
                self._erase(name[1], number)
            case "[H" if not given:
                self._row = self._column = 0
            case "[m" | "[h" | "[l" | "=" | ">":
                pass
            case _:
                raise AssertionError(f"unknown sequence ESC{name[0]}{given}{name[1:]}")

    def _move(self, way: str, steps: int) -> None:
        rows, columns = {"A": (-steps, 0), "B": (steps, 0), "C": (0, steps), "D": (0, -steps)}[way]
        self._row = min(self._rows - 1, max(0, self._row + rows))
        self._column = min(self._columns - 1, max(0, self._column + columns))
        self._full = False

    def _erase(self, what: str, number: int) -> None:
        row, place = self._cells[self._row], self._column
        match what:
            case "K":
                row[0 if number == 2 else place :] = [" "] * (self._columns - (0 if number == 2 else place))
            case "J":
                row[place:] = [" "] * (self._columns - place)
                for below in range(0 if number == 2 else self._row + 1, self._rows):
                    self._cells[below] = [" "] * self._columns
            case "P":
                row[place:] = [*row[place + max(1, number) :], *[" "] * max(1, number)][: self._columns - place]
            case "@":
                row[place:] = [*[" "] * max(1, number), *row[place:]][: self._columns - place]


class Terminal:
    """A command on a terminal of its own; use it as a context manager. Waits are on what is drawn, and bounded."""

    def __init__(
        self, command: Sequence[str], environ: Mapping[str, str], *, columns: int = 80, rows: int = 24
    ) -> None:
        self.screen = Screen(columns, rows)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *command],
            env={"TERM": "xterm-256color", "LANG": "C.UTF-8", **environ},
            stdin=slave, stdout=slave, stderr=slave,
        )  # fmt: skip
        os.close(slave)

    @property
    def shown(self) -> str:
        """What is seen, as text."""
        return "\n".join(self.screen.lines)

    def press(self, text: str) -> None:
        os.write(self._master, text.encode())

    def until(self, fact: Callable[[], object], timeout: float = _BOUND) -> None:
        """Return once `fact()` holds; fails when nothing is drawn for `timeout` seconds, or no more ever."""
        deadline = time.monotonic() + timeout
        while not fact():
            left = deadline - time.monotonic()
            ready = left > 0 and select.select([self._master], [], [], left)[0]
            assert ready, f"what was waited for has not come:\n{self.shown}"
            assert self._read(), f"the command has ended:\n{self.shown}"

    def sees(self, text: str) -> None:
        """Wait until `text` is seen."""
        self.until(lambda: text in self.shown)

    def ends(self) -> int:
        """Wait for the end; the exit code."""
        while self._read():
            pass
        return self.process.wait(_BOUND)

    def echoes(self) -> bool:
        """Whether what is typed is drawn by the terminal itself."""
        return bool(termios.tcgetattr(self._master)[3] & termios.ECHO)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(_BOUND)
        os.close(self._master)

    def _read(self) -> bool:
        try:
            data = os.read(self._master, 65536)
        except OSError:  # EIO: nobody has the other end any more
            return False
        self.screen.feed(self._decoder.decode(data))
        return bool(data)


def _text(row: list[str]) -> str:
    return "".join(row).rstrip()
