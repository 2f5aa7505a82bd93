"""Drops: messages as files that are written aside, and then moved into an inbox at once. Used by one thread."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path


class Drops:
    """Messages by file name, written to the folder `aside`, which lies on the inbox's file system."""

    def __init__(self, aside: Path, messages: Mapping[str, Mapping[str, str]]) -> None:
        self._aside = aside
        self._names = list(messages)
        aside.mkdir(exist_ok=True)
        for name, message in messages.items():
            (aside / name).write_text(json.dumps(message))

    def move_to(self, inbox: Path) -> None:
        """Move all of them, in order, one rename each."""
        for name in self._names:
            os.rename(self._aside / name, inbox / name)
