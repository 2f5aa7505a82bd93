"""The dropped files that could not be taken, as people see them: listed, tried again, thrown away.

No state beyond the directories; called by connection threads. Each step is one rename or removal, so that of two who do
the same the second finds nothing. No file is ever opened but the reasons, which are ours.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import Any, Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

from openclaw.errors import FileRefused, InvalidMessage
from openclaw.intake.failed_files import REASON, shown
from openclaw.message import load_object
from openclaw.spool import DropDir
from openclaw.spool.syscalls import rename_new

MAX_LISTED: Final = 100
MAX_REASON: Final = 16 * 1024

_LOOKED_AT: Final = 20_000
"""Entries of the directory that are looked at for one list."""


class FailedList:
    """What lies in `failed`. `retry` moves it back to `inbox`."""

    def __init__(self, failed: DropDir, inbox: DropDir) -> None:
        self._failed = failed
        self._inbox = inbox

    def list(self) -> dict[str, Any]:
        """{"failed": [entry, …], "more": count}, the latest first; "key" is what the others take."""
        names = self._failed.names(_LOOKED_AT)
        reasons = [name for name in names if name.endswith(REASON)]
        entries = [entry for name in reasons[::-1][:MAX_LISTED] if (entry := self._entry(name)) is not None]
        return {"failed": entries, "more": max(0, len(reasons) - MAX_LISTED)}

    def retry(self, key: str) -> bool:
        """Put a file back into the inbox, under its own name where that is free; False where it is gone by now."""
        name = _name(key)
        if name is None:
            return False
        for target in dict.fromkeys((self._original(name), name)):
            try:
                rename_new(name, target, src_dir_fd=self._failed.fd, dst_dir_fd=self._inbox.fd)
            except FileNotFoundError:
                return False
            except FileExistsError:
                continue
            self._failed.remove(_reason_of(name))
            return True
        raise FileExistsError(f"ipc/inbox has a {shown(name)} already")

    def remove(self, key: str) -> bool:
        """Throw a file away, and the reason with it; False where it is gone by now. Raises OSError."""
        name = _name(key)
        if name is None:
            return False
        try:
            found = self._failed.remove(name)
        except IsADirectoryError:
            os.rmdir(name, dir_fd=self._failed.fd)  # one that holds something stays: it may be all that there is of it
            found = True
        return self._failed.remove(_reason_of(name)) or found

    def _entry(self, reason: str) -> dict[str, Any] | None:
        name = reason.removesuffix(REASON) + ".json"
        try:
            status = os.stat(name, dir_fd=self._failed.fd, follow_symlinks=False)
        except FileNotFoundError:
            return None  # a death in between has left the reason alone
        told = self._read(reason)
        kept: dict[str, Any] = {key: told[key] for key in ("file", "title", "status", "detail", "at") if key in told}
        size = {"size": status.st_size} if stat.S_ISREG(status.st_mode) else {}
        return {"key": quote_from_bytes(os.fsencode(name), safe=""), "file": shown(name), **kept, **size}

    def _read(self, reason: str) -> dict[str, Any]:
        try:
            return load_object(self._failed.read(reason, MAX_REASON).data)
        except (OSError, FileRefused, InvalidMessage) as error:
            return {"detail": f"its reason cannot be read: {error}"}

    def _original(self, name: str) -> str:
        """The name under which it was dropped, as far as its reason tells it without loss."""
        file = self._read(_reason_of(name)).get("file")
        sound = isinstance(file, str) and file.endswith(".json") and _is_plain(file) and "\ufffd" not in file
        return str(file) if sound else name


def _name(key: str) -> str | None:
    """The file that a key names; None where it can name none."""
    name = os.fsdecode(unquote_to_bytes(key))
    return name if name.endswith(".json") and not name.endswith(REASON) and _is_plain(name) else None


def _reason_of(name: str) -> str:
    return name.removesuffix(".json") + REASON


def _is_plain(name: str) -> bool:
    fits = False
    with suppress(UnicodeEncodeError):
        fits = len(os.fsencode(name)) <= 255
    return fits and not name.startswith(".") and "/" not in name and "\0" not in name
