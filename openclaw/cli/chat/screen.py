"""What a conversation draws: text that grows, lines of its own, and below them one status line that is redrawn.

Owned by the main thread. A Terminal redraws, and shows an answer as it comes; a Page, for pipes, files and terminals
that can only print, gives whole answers. Whatever comes here is printable already.

The status line lies below the text. Its place is made by IND (ESC D), which keeps the column, and left by DECRC, so
that the terminal itself knows where the text goes on; see ECMA-48 and DEC STD 070.
"""

from __future__ import annotations

import sys
from typing import Protocol, TextIO

from openclaw.cli.terminal import columns, dim, fit, width

_BELOW = "\x1bD\x1b[A\x1b7\r\n\x1b[K{line}\x1b8"
_CLEAR_BELOW = "\x1b[J"
_TAB = "    "


class Screen(Protocol):
    """Where a conversation is shown."""

    @property
    def live(self) -> bool:
        """Whether text is shown as it grows, above a status line."""
        ...

    def text(self, text: str) -> None:
        """Show a piece of an answer."""
        ...

    def end(self) -> None:
        """What comes next begins on a line of its own."""
        ...

    def note(self, text: str) -> None:
        """Say something beside the conversation, on lines of its own."""
        ...

    def status(self, line: str) -> None:
        """Say what goes on; an empty `line` takes it away."""
        ...


class Terminal:
    """A terminal that can redraw a line."""

    live = True

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._column = 0
        self._went_on = False  # to the next row already, which a line break needs not do again
        self._line = ""

    def text(self, text: str) -> None:
        if text:
            self._write(self._laid_out(text))

    def end(self) -> None:
        if self._column or self._went_on:
            self.text("\n")

    def note(self, text: str) -> None:
        self.end()
        self._write("".join(dim(line, self._stream) + "\n" for line in text.splitlines()))

    def status(self, line: str) -> None:
        if line != self._line:
            self._line = line
            self._write("")

    def _write(self, text: str) -> None:
        """Take the status line away, write, and draw it again; in one write, so that nothing flickers."""
        below = ""
        if self._line:
            below = _BELOW.format(line=dim(fit(self._line, columns(self._stream) - 1), self._stream))
        self._stream.write(_CLEAR_BELOW + text + below)
        self._stream.flush()

    def _laid_out(self, text: str) -> str:
        """`text`, without the moment at a line's end in which terminals differ on where the cursor is.

        A line that is just full is made to go on in the next row: a blank gets there, and CR takes it back.
        """
        room = columns(self._stream)
        out: list[str] = []
        for number, line in enumerate(text.replace("\t", _TAB).split("\n")):
            if number:
                out.append("" if self._went_on else "\n")
                self._column, self._went_on = 0, False
            if line:
                self._column, self._went_on = _column_after(self._column, line, room), False
                out.append(line)
        if self._column == room:
            out.append(" \r")
            self._column, self._went_on = 0, True
        return "".join(out)


def _column_after(column: int, text: str, room: int) -> int:
    """The column after `text`, `room` where the row is just full."""
    if text.isascii():
        column += len(text)
        return column if column <= room else (column - 1) % room + 1
    for character in text:
        step = width(character)
        column = step if column + step > room else column + step
    return column


class Page:
    """Something that is only written to, one line after another. Notes go to `notes`, beside what was asked for."""

    live = False

    def __init__(self, stream: TextIO, notes: TextIO) -> None:
        self._stream = stream
        self._notes = notes
        self._open = False

    def text(self, text: str) -> None:
        if text:
            self._stream.write(text)
            self._stream.flush()
            self._open = not text.endswith("\n")

    def end(self) -> None:
        if self._open:
            self.text("\n")

    def note(self, text: str) -> None:
        self.end()
        print(text, file=self._notes, flush=True)

    def status(self, line: str) -> None:
        """There is no place for it."""


def notes_of(stream: TextIO) -> TextIO:
    """Where notes go: to people on the same terminal, else beside the output."""
    return stream if stream.isatty() else sys.stderr
