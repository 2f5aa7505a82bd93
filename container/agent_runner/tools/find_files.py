"""Glob: the files below a folder whose paths match a pattern, the one changed last first. No state; any thread."""

from __future__ import annotations

import errno
import heapq
import os
from typing import Any, Final

from agent_runner.tools.checked import CheckedTool
from agent_runner.tools.globs import Globs, split_base
from agent_runner.tools.patience import Patience
from agent_runner.tools.places import Places, missing
from agent_runner.tools.tool import ToolFailed, ToolUse
from agent_runner.tools.walk import Walk

SHOWN: Final = 100
"""Paths that are shown."""

LIMIT: Final = 20.0
"""Seconds."""


def glob_tool(places: Places) -> CheckedTool:
    def act(arguments: dict[str, Any], use: ToolUse) -> str:
        pattern = arguments["pattern"]
        below, rest = split_base(pattern)
        base = os.path.join(arguments.get("path", ""), below)
        if not rest and below:
            rest = "*"  # `folder/` alone: what is in it
        folders = rest.endswith("/")
        walk = Walk(places.to_read(base or os.curdir), Globs(rest), folders=folders)
        return _found(walk, base, Patience(use, LIMIT, "begin in a folder further down, or name more of the path"))

    return CheckedTool.made(
        "Glob",
        f"Finds files by a pattern such as **/*.py or src/{{a,b}}/*.ts; at most {SHOWN}, the one changed last first. "
        "A pattern that ends with a slash finds folders. Hidden files are found, .git and its like are not entered.",
        {
            "pattern": {"type": "string", "minLength": 1, "description": "What the path below the folder looks like"},
            "path": {"type": "string", "minLength": 1, "description": "The folder; the working directory by default"},
        },
        ["pattern"],
        act,
        read_only=True,
    )


def _found(walk: Walk, base: str, patience: Patience) -> str:
    newest: list[tuple[int, str]] = []
    count = 0
    try:
        for entry in walk.entries(patience):
            count += 1
            path = entry.path if base else entry.path.removeprefix("./")
            heapq.heappush(newest, (_changed(entry), path + "/" * walk.folders))
            if len(newest) > SHOWN:
                heapq.heappop(newest)
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise missing(walk.base) from None
        if error.errno == errno.ENOTDIR:
            raise ToolFailed(f"{walk.base.rstrip('/')} is no folder; Read shows what is in a file") from None
        raise
    notes = walk.notes()
    if count > SHOWN:
        notes.insert(0, f"{count - SHOWN} more are left out: name more of the path, or begin in a folder further down.")
    if not count:
        notes.insert(0, "Nothing matches.")
    in_order = sorted(newest, key=lambda one: (-one[0], one[1]))
    return "\n".join([*(path for _, path in in_order), *(f"({note})" for note in notes)])


def _changed(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_mtime_ns
    except OSError:  # gone meanwhile
        return 0
