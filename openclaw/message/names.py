"""The one pattern for every name that reaches the disk or the engine: ids, groups, sessions.

Dots are ours: they separate an id from a file's kind (`ID.request.json`, `PARENT.sN`).
"""

from __future__ import annotations

import re

MAX_NAME = 64
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
RULE = "1 to 64 letters, digits, '-' or '_', beginning with a letter or digit"


def is_name(text: object) -> bool:
    """Whether `text` may name an id, a group or a session."""
    return isinstance(text, str) and NAME.fullmatch(text) is not None
