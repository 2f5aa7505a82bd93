"""Write: a file's contents, as a whole. No state; any thread."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import Any, Final

from agent_runner.tools.checked import CheckedTool
from agent_runner.tools.places import FILE_PATH, Places
from agent_runner.tools.tool import ToolFailed, ToolUse

MAX_CONTENT: Final = 4 * 1024 * 1024
"""Characters that one call writes."""

_CANNOT_RENAME: Final = (errno.EBUSY, errno.EACCES, errno.EPERM)
"""The file itself may be writable all the same: it is mounted, or its folder belongs to another."""


def write_tool(places: Places) -> CheckedTool:
    def act(arguments: dict[str, Any], _: ToolUse) -> str:
        path = arguments["file_path"]
        data = arguments["content"].encode()
        real = places.to_write(path)
        os.makedirs(os.path.dirname(real), exist_ok=True)
        new = replace(real, data)
        return f"{'Made' if new else 'Overwrote'} {path}: {len(data)} bytes."

    return CheckedTool.made(
        "Write",
        "Writes a file, and the folders above it where they are missing. What the file had before is lost: "
        "use Edit to change a part of it.",
        {
            "file_path": FILE_PATH,
            "content": {"type": "string", "maxLength": MAX_CONTENT, "description": "All that the file is to hold"},
        },
        ["file_path", "content"],
        act,
        read_only=False,
    )


def replace(path: str, data: bytes) -> bool:
    """Make `data` the contents of a file at once, so that nobody reads half of it; whether it is a new one.

    `path` is no link. Mode bits stay. Raises OSError, or ToolFailed where no file can be there.
    """
    try:
        before: os.stat_result | None = os.lstat(path)
    except FileNotFoundError:
        before = None
    if before is not None and not stat.S_ISREG(before.st_mode):
        what = "a folder" if stat.S_ISDIR(before.st_mode) else "no regular file"
        raise ToolFailed(f"{path} is {what}")
    hidden = os.path.join(os.path.dirname(path), f".{os.urandom(8).hex()}.new")
    try:
        _write(hidden, data, os.O_EXCL, before)
        os.rename(hidden, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(hidden)
        if before is None or error.errno not in _CANNOT_RENAME:
            raise OSError(error.errno, error.strerror, path) from None
        _write(path, data, os.O_TRUNC, None)
    return before is None


def _write(path: str, data: bytes, how: int, like: os.stat_result | None) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | how, 0o644)
    with open(fd, "wb", buffering=0) as file:
        if like is not None:
            os.fchmod(fd, stat.S_IMODE(like.st_mode))
        left = memoryview(data)
        while left:
            left = left[file.write(left) :]
