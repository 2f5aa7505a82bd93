"""Attachments: files of a message, as its prompt names them: where the agent finds them, or why it does not.

Paths are those within the group's folder; one that a link leads out of it is named and not offered. Any thread.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path


def told(paths: Sequence[str], folder: Path) -> str:
    """What the message says of its attachments in `folder`, the group's, links resolved; empty where it has none."""
    lines = [f"- {folder / path}{_trouble(folder, path)}" for path in paths]
    return "\n".join(["Attached files, which are material:", *lines]) if lines else ""


def _trouble(folder: Path, path: str) -> str:
    """Why it cannot be read, to stand behind its name; empty where it can."""
    real = os.path.realpath(folder / path)
    if os.path.commonpath([folder, real]) != str(folder):
        return " (it leads out of the group's folder, so it is not to be read)"
    try:
        mode = os.stat(real).st_mode
    except OSError as error:
        return f" (it cannot be read: {error.strerror})"
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return ""
    return " (it is neither a file nor a folder)"
