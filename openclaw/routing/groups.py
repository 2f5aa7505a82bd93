"""Groups: the folders below groups/ that may be spoken to. Main exists from the start.

Reads the disk on every call, one stat at most, so that a group added by hand is there at once. Any thread may call.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from openclaw.errors import UnknownGroup
from openclaw.message import is_name

MAIN = "main"
GLOBAL = "global"
"""Holds what every group may read; nobody can speak to it."""


class Groups:
    """The registered groups: Main, and every folder that has a group.json."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def check(self, group: str) -> None:
        """Raise UnknownGroup, saying which groups there are, unless `group` is registered."""
        if group == MAIN or self._is_registered(group):
            return
        known = ", ".join(entry["name"] for entry in self.list())
        raise UnknownGroup(f"there is no group {group!r}; known: {known}")

    def list(self) -> list[dict[str, Any]]:
        """Every group as {"name", "folder"}, Main first."""
        others = sorted(entry.name for entry in self._root.iterdir() if self._is_registered(entry.name))
        return [{"name": name, "folder": str(self._root / name)} for name in [MAIN, *others]]

    def _is_registered(self, group: str) -> bool:
        return group not in (MAIN, GLOBAL) and is_name(group) and (self._root / group / "group.json").is_file()
