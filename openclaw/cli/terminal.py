"""Text for a terminal, from sources that are not trusted with one, and what that terminal can do.

No state but the terminal's own; any thread.
"""

from __future__ import annotations

import os
import re
import unicodedata
from typing import TextIO

DEFAULT_COLUMNS = 80

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """`text` with every control character but newline and tab replaced: an answer must not steer the terminal.

    The marks that reorder text (U+202A to U+202E, U+2066 to U+2069) are replaced too, and halves of surrogate pairs,
    which no terminal can be sent.
    """
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def one_line(text: str) -> str:
    """`text` for a place within a line: printable, and every run of white space a blank."""
    return " ".join(printable(text).split())


def width(text: str) -> int:
    """Columns that printable `text` takes: two for wide characters (Unicode, UAX 11), none for combining ones."""
    return len(text) if text.isascii() else sum(map(_character_width, text))


def fit(text: str, columns: int) -> str:
    """`text`, which is one line, cut to at most `columns` columns; what is cut ends with `…`."""
    if width(text) <= columns:
        return text
    left, kept = columns - 1, 0
    for character in text:
        left -= _character_width(character)
        if left < 0:
            break
        kept += 1
    return text[:kept] + "…" if columns > 0 else ""


def columns(stream: TextIO) -> int:
    """How wide the terminal behind `stream` is; 80 where it does not say."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or DEFAULT_COLUMNS
    except OSError:
        return DEFAULT_COLUMNS


def moves(stream: TextIO) -> bool:
    """Whether lines can be redrawn there: it is a terminal, and not a dumb one."""
    return stream.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb")


def dim(text: str, stream: TextIO) -> str:
    """`text` made faint, where `stream` is a terminal that can and NO_COLOR (no-color.org) does not forbid it."""
    return f"\x1b[2m{text}\x1b[22m" if moves(stream) and not os.environ.get("NO_COLOR") else text


def _character_width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
