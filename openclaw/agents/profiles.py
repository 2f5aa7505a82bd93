"""Profiles: the agents that a subagent can be, of every group, for whoever lists them or is about to spawn one.

Reads a few small files on the home's own disk each time that it is asked, so that a profile holds from when it lies
there. No state; any thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from openclaw.message import is_name
from openclaw.profiles import AGENTS, Profile, ProfileFolder
from openclaw.profiles.folder import Listed

_MAIN = "main"


class Profiles:
    """The profiles of the groups whose folders are in `groups`."""

    def __init__(self, groups: Path) -> None:
        self._groups = groups

    def find(self, group: str, name: str) -> Profile:
        """The profile NAME of a group. Raises UnknownAgent or InvalidProfile, with what to do."""
        return self._of(group).find(name)

    def list(self) -> list[dict[str, Any]]:
        """All of them, Main's first: {"name", "group", "description", "tools", …, "path"}, or "error" and "path"."""
        return [entry for group in self._with_profiles() for entry in self._entries(group)]

    def _of(self, group: str) -> ProfileFolder:
        return ProfileFolder(self._groups / group, f"groups/{group}/{AGENTS}")

    def _with_profiles(self) -> Sequence[str]:
        try:
            names = [path.name for path in self._groups.iterdir() if is_name(path.name) and (path / AGENTS).is_dir()]
        except OSError:
            return []
        return sorted(names, key=lambda name: (name != _MAIN, name))

    def _entries(self, group: str) -> Iterator[dict[str, Any]]:
        folder = self._of(group)
        for one in folder.list():
            yield {**_told(one), "group": group, "path": str(folder.path / one.file)}


def _told(listed: Listed) -> dict[str, Any]:
    profile = listed.found
    if not isinstance(profile, Profile):
        return {"name": listed.file.removesuffix(".md"), "error": str(profile)}
    told = {
        "name": profile.name,
        "description": profile.description,
        "tools": list(profile.tools),
        "denied": list(profile.denied),
        "model": profile.model or "inherit",
        "memory": profile.memory,
        "color": profile.color,
        "unused": list(profile.unused),
    }
    return {key: value for key, value in told.items() if value}
