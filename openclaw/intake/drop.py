"""The inbox: takes the files that anyone drops into ipc/inbox.

Owns one thread, "inbox". Whatever happens only sets a flag; the thread then scans the directory, which alone is the
truth. A file is claimed once it is complete, read, accepted by the desk, and removed when that is durable. What the
desk refuses for good goes to ipc/failed with the reason; what it cannot take just now (queue full, disk full) goes back
into the inbox and is tried again after a pause.

A death at any point leaves the file in the inbox, as a claim or accepted: the next start offers claims again.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import Final, TypeVar

from openclaw.clock import Alarms, Clock, Timer
from openclaw.errors import StartupError
from openclaw.intake.failed_files import FailedFiles
from openclaw.intake.handover import MAX_FILE, Handover, Places
from openclaw.intake.settling import Settling
from openclaw.routing.desk import Desk
from openclaw.spool import IN_CREATE, IN_MOVED_TO, Claim, Committer, Watch, Watcher

log = logging.getLogger(__name__)

MAX_BATCH: Final = 64
"""Files handed to the desk at once, which share one commit."""
MAX_SCAN: Final = 50_000
"""Entries that one scan looks at; of more, a later scan sees the rest."""

_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 5.0
_CLOSE_TIMEOUT: Final = 60.0

_T = TypeVar("_T")


class Inbox:
    """Watches ipc/inbox from `start` to `close`."""

    def __init__(
        self,
        places: Places,
        *,
        desk: Desk,
        committer: Committer,
        watcher: Watcher,
        alarms: Alarms,
        clock: Clock,
        booted: bool,
    ) -> None:
        """`booted`: the machine was started since the last process used this home."""
        self._places = places
        self._watcher = watcher
        self._alarms = alarms
        self._settling = Settling(places.inbox, MAX_FILE, clock)
        self._handover = Handover(places, desk, committer, FailedFiles(places.failed, clock), booted=booted)
        self._watches: list[Watch] = []
        self._changed = threading.Condition()
        # Guarded by _changed: _dirty, _paused, _closing. What follows them belongs to the thread.
        self._dirty = True
        self._paused = False
        self._closing = False
        self._told: set[str] = set()  # names in the inbox that were logged as left alone
        self._pause = _FIRST_PAUSE
        self._grace: Timer | None = None
        self._thread = threading.Thread(target=self._run, name="inbox", daemon=True)

    def start(self) -> None:
        """Take up the claims that were left, watch, and begin. Raises StartupError where ipc/ is not fit for it."""
        inbox, work, failed, _ = self._places
        if len({os.fstat(directory.fd).st_dev for directory in (inbox, work, failed)}) > 1:
            raise StartupError(f"{inbox.path}, work and failed must be on one file system; files move between them")
        try:
            os.fchmod(inbox.fd, 0o700)  # whoever may write here speaks with the user's authority
        except PermissionError:
            raise StartupError(f"{inbox.path} belongs to another user; give it to the service's own") from None
        self._handover.recover()
        self._watches = [
            self._watcher.watch(inbox.path.parent, self._on_neighbour, IN_CREATE | IN_MOVED_TO),
            self._watcher.watch(inbox.path, self._on_change),
        ]
        self._thread.start()

    def close(self) -> None:
        """End after the batch that is under way. What was not taken stays for the next start."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        for watch in self._watches:
            watch.close()
        if self._thread.is_alive():
            self._thread.join(_CLOSE_TIMEOUT)
            if self._thread.is_alive():
                log.error("The inbox still waits for the disk; its files are taken up at the next start")

    def _on_change(self, name: str | None) -> None:
        """On the watcher's thread. The look at each tick, when nothing is there, wakes nobody: it is most of idling."""
        if name is not None or not self._places.inbox.at_rest():
            self._wake()

    def _on_neighbour(self, name: str | None) -> None:
        """On the watcher's thread. Of a folder that we hold open the kernel does not say that it was removed."""
        if name == self._places.inbox.path.name:
            self._watcher.tick()

    def _wake(self) -> None:
        with self._changed:
            self._dirty = True
            self._changed.notify()

    def _run(self) -> None:
        while self._wait():
            try:
                self._round()
            except Exception:  # the top of the thread: files stay where they are and are tried again
                log.exception("Dropped files could not be taken; they are tried again in %d s", self._pause)
                self._try_later()

    def _wait(self) -> bool:
        """Block until there is something to look at; False once closed."""
        with self._changed:
            while not self._closing and (self._paused or not self._dirty):
                self._changed.wait()
            self._dirty = False
            return not self._closing

    def _round(self) -> None:
        """Take everything that is complete: the claims in hand first, then files by age."""
        self._places.inbox.refresh()
        for claims in _batches(self._handover.in_hand()):
            if not self._offer(claims):
                return
        names = self._places.inbox.names(MAX_SCAN)
        present = set(names)
        self._told &= present
        self._settling.keep(present)
        for batch in _batches(names):
            if not self._offer([taken for name in batch if (taken := self._claim(name)) is not None]):
                return
        self._handover.round_is_over(nothing_left=not names)
        self._set_grace()

    def _claim(self, name: str) -> Claim | None:
        """Claim the file if it is one to be taken now."""
        if not name.endswith(".json"):
            self._tell(name, "only names that end in .json are taken")
            return None
        try:
            return self._handover.claim(name) if self._settling.finished(name) else None
        except FileNotFoundError:
            return None  # its owner took it away again
        except OSError as error:
            self._tell(name, f"it cannot be taken: {error.strerror}")
            return None

    def _tell(self, name: str, why: str) -> None:
        if name not in self._told:
            self._told.add(name)
            log.warning("ipc/inbox: %r is left alone: %s", name, why)

    def _offer(self, batch: list[Claim]) -> bool:
        """Hand a batch over. False: stop for now."""
        if batch and not self._handover.offer(batch):
            self._try_later()
            return False
        if batch:
            self._pause = _FIRST_PAUSE
        with self._changed:
            return not self._closing

    def _try_later(self) -> None:
        """Do nothing until the pause is over; the next one is twice as long."""
        with self._changed:
            self._paused = True
        delay, self._pause = self._pause, min(2 * self._pause, _LONGEST_PAUSE)
        self._alarms.call_later(delay, self._resume)

    def _resume(self) -> None:
        with self._changed:
            self._paused = False
        self._wake()

    def _set_grace(self) -> None:
        """Look again when the first unfinished file has had its grace."""
        if self._grace is not None:
            self._grace.cancel()
        due = self._settling.next_due()
        self._grace = None if due is None else self._alarms.call_later(due, self._wake)


def _batches(items: list[_T]) -> list[list[_T]]:
    return [items[start : start + MAX_BATCH] for start in range(0, len(items), MAX_BATCH)]
