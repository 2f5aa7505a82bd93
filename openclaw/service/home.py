"""The home: its folders and the assistant's instructions in them, the lock that makes one process its owner, and the
installation's id.

Used once, at start, by the main thread.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
from contextlib import closing
from pathlib import Path

from openclaw.config import CHECKOUT
from openclaw.errors import InvalidMessage, StartupError
from openclaw.message import dump_bytes, load_object
from openclaw.profiles import AGENTS
from openclaw.spool import DropDir

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""Another one after each start of the machine; see random(4)."""

_FOLDERS = ("groups/main", "groups/global", "ipc/channels", "logs")
_INSTRUCTIONS = "CLAUDE.md"


class Home:
    """The folders below OPENCLAW_HOME. Made whole and owned from `open` to the process's end."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ipc = root / "ipc"
        self.groups = root / "groups"
        self.channels = self.ipc / "channels"
        self._lock_fd = -1
        self.booted = True
        """Whether the machine was started since the last process used this home; `installation` finds out."""

    def open(self) -> None:
        """Make what is missing and take the lock. Raises StartupError."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)  # what is said there is nobody else's business
            for folder in _FOLDERS:
                (self.root / folder).mkdir(parents=True, exist_ok=True)
            # The directory itself is locked: a lock file could be removed, and a second one be made and locked.
            self._lock_fd = os.open(self.ipc, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._instruct("main")
            self._instruct("global")
            self._staff()
        except BlockingIOError:
            raise StartupError(f"openclaw runs already on {self.root}: `openclaw status` shows it") from None
        except OSError as error:
            raise StartupError(f"{self.root} cannot be used: {error.strerror}; set OPENCLAW_HOME") from error

    def _instruct(self, group: str) -> None:
        """Give a group folder without instructions the checkout's; those that are there are the user's own."""
        default = CHECKOUT / "groups" / group / _INSTRUCTIONS
        with closing(DropDir(self.groups / group)) as folder:
            if default.exists() and not folder.exists(_INSTRUCTIONS):
                folder.place(_INSTRUCTIONS, default.read_bytes(), replace=False)

    def _staff(self) -> None:
        """Give Main the checkout's agents where it has no folder of any; one that is there is the user's own."""
        default, agents = CHECKOUT / "groups/main" / AGENTS, self.groups / "main" / AGENTS
        if os.path.lexists(agents) or (os.path.lexists(agents.parent) and not _is_folder(agents.parent)):
            return
        agents.parent.mkdir(exist_ok=True)
        fresh = agents.with_name(f".{agents.name}.new")
        with closing(DropDir(fresh)) as folder:
            for profile in default.glob("*.md"):
                folder.place(profile.name, profile.read_bytes())
        fresh.rename(agents)

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
        boot = _BOOT_ID.read_text().strip()
        self.booted = known.get("boot") != boot
        record = {"id": identity, "home": str(self.root), "device": here.st_dev, "inode": here.st_ino, "boot": boot}
        if record != known:
            fresh = path.with_name(".installation.new")
            with open(fresh, "wb") as file:
                file.write(dump_bytes(record))
                file.flush()
                os.fsync(file.fileno())  # an empty file after a power cut would give the containers to nobody
            fresh.replace(path)
        return identity


def _is_folder(path: Path) -> bool:
    """Whether it is one itself, and no link to one."""
    return stat.S_ISDIR(path.lstat().st_mode)
