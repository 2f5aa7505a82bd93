"""Text for a terminal, from sources that are not trusted with one."""

from __future__ import annotations

import re

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """`text` with every control character but newline and tab replaced: an answer must not steer the terminal.

    The marks that reorder text (U+202A to U+202E, U+2066 to U+2069) are replaced too.
    """
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)
