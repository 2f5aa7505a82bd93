"""The home: its folders, the lock that makes one process its owner, and the installation's id.

Used once, at start, by the main thread.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path

from openclaw.errors import InvalidMessage, StartupError
from openclaw.message import dump_bytes, load_object
from openclaw.spool import DropDir

_FOLDERS = ("groups/main", "groups/global", "ipc/channels", "logs")


class Home:
    """The folders below OPENCLAW_HOME. Made whole and owned from `open` to the process's end."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ipc = root / "ipc"
        self.groups = root / "groups"
        self.channels = self.ipc / "channels"
        self._lock_fd = -1

    def open(self) -> None:
        """Make what is missing and take the lock. Raises StartupError."""
        try:
            for folder in _FOLDERS:
                (self.root / folder).mkdir(parents=True, exist_ok=True)
            self._lock_fd = os.open(self.ipc / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StartupError(f"{self.root} cannot be used: {error.strerror}; set OPENCLAW_HOME") from error
        try:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartupError(f"openclaw runs already on {self.root}: `openclaw status` shows it") from None

    def directory(self, name: str, mode: int = 0o700) -> DropDir:
        """A directory of ipc/, with what a dead process was still writing swept away."""
        directory = DropDir(self.ipc / name, create_mode=mode)
        directory.sweep_staging()
        return directory

    def installation(self) -> str:
        """The id that labels this home's containers; a copied home takes a new one.

        A home is the same when its path is, or when its ipc/ is the same directory (it was moved).
        """
        path = self.ipc / ".installation"
        here = self.ipc.stat()
        try:
            known = load_object(path.read_bytes())
        except (FileNotFoundError, InvalidMessage):
            known = {}
        moved = known.get("device") == here.st_dev and known.get("inode") == here.st_ino
        same = bool(known.get("id")) and (moved or known.get("home") == str(self.root))
        identity = str(known["id"]) if same else secrets.token_hex(8)
        record = {"id": identity, "home": str(self.root), "device": here.st_dev, "inode": here.st_ino}
        if record != known:
            fresh = path.with_name(".installation.new")
            with open(fresh, "wb") as file:
                file.write(dump_bytes(record))
                file.flush()
                os.fsync(file.fileno())  # an empty file after a power cut would give the containers to nobody
            fresh.replace(path)
        return identity
