"""A disk that is slow, or that fails, when a test says so."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

from openclaw.spool import DropDir


class SlowDir(DropDir):
    """From `hold` to `release` files get their names here, but nothing becomes durable."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._reached = threading.Event()
        self._free = threading.Event()
        self._free.set()

    def hold(self) -> None:
        self._reached.clear()
        self._free.clear()

    def wait_held(self) -> None:
        """Block until a commit hangs here."""
        assert self._reached.wait(10), "nothing was written"

    def release(self) -> None:
        self._free.set()

    def sync_entries(self) -> None:
        self._reached.set()
        assert self._free.wait(30), "the test never released the disk"
        super().sync_entries()


def take_away(path: Path) -> None:
    """Make a directory one in which nobody can write, root included: a file is in its place."""
    shutil.rmtree(path)
    path.write_text("")


def give_back(path: Path) -> None:
    """Undo `take_away`; the directory is made again, empty, with the next file."""
    path.unlink()
