"""What the files of a home tell of a service that does not answer.

Reads only; belongs to the main thread. Every look is bounded, and what cannot be read is said in its place.
"""

from __future__ import annotations

import fcntl
import itertools
import os
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from openclaw.cli.log_file import LogFile
from openclaw.errors import OpenClawError

MAX_COUNTED: Final = 100_000
"""Files of one folder that are counted."""

_FOLDERS: Final = {
    "inbox": ("dropped files, not yet taken", False),
    "work": ("messages accepted and not yet answered", True),
    "callbacks": ("replies owed to a callback_url", True),
    "failed": ("files that could not be taken", True),
    "outbox": ("replies", True),
}
"""What lies in a folder of ipc/, and whether only what is ours counts, which ends with .json."""


def view(home: Path) -> dict[str, Any]:
    """`{"owned", "inbox", "work", …, "last_log_line"}`: a number for each folder, None where there is none."""
    counts = {name: _count(home / "ipc" / name, ours) for name, (_, ours) in _FOLDERS.items()}
    return {"owned": owned(home), **counts, "last_log_line": _last_log_line(home)}


def lines(seen: dict[str, Any]) -> list[str]:
    """The same for people."""
    shown = [
        f"{count:>7}  {about} (ipc/{name})"
        for name, (about, _) in _FOLDERS.items()
        if (count := seen[name]) is not None
    ]
    if not shown:
        shown = ["nothing has run here yet: its ipc/ holds no messages"]
    if seen["owned"]:
        shown.append("a process holds this home: it starts, stops, hangs or has another port; openclaw logs says which")
    if seen["last_log_line"]:
        shown.append(f"last logged: {seen['last_log_line']}")
    return shown


def owned(home: Path) -> bool:
    """Whether a process has the home's lock, as a service that runs has."""
    try:
        fd = os.open(home / "ipc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)  # it ends with the descriptor
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def _count(folder: Path, ours: bool) -> int | None:
    try:
        with os.scandir(folder) as entries:
            names = (entry.name for entry in itertools.islice(entries, MAX_COUNTED))
            return sum(not name.startswith(".") and _counts(name, ours) for name in names)
    except OSError:
        return None


def _counts(name: str, ours: bool) -> bool:
    """A reason lies beside its file, and what was accepted beside its reply."""
    return not ours or (name.endswith(".json") and not name.endswith((".reason.json", ".accepted.json")))


def _last_log_line(home: Path) -> str:
    try:
        with closing(LogFile(home / "logs/app.log")) as log:
            return b"".join(log.tail(1)).decode(errors="replace")
    except (OSError, OpenClawError):
        return ""
