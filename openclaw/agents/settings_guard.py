"""SettingsGuard: which settings of a group hold while containers run that may write to its folder.

group.json is the user's, and lies in a folder into which the group's single-use containers write. In each of them a
read-only mount lies over the file, on the file and not on its name: the kernel drops it where the file is removed, or
replaced by a rename, as many editors do. From then on nobody can tell who has written what lies there: a container
can write into an editor's new file even before it gets its name. So

- while no container runs, group.json is what it says;
- while containers run, a copy holds that lies where they do not reach. A change in place, under the mounts, is the
  user's and holds at once. Where the file is another one the group is in doubt: the copy holds, until the last of those
  containers has ended; then what lies there is set aside and the copy put back;
- what is asked of the service itself (HTTP, `openclaw groups`) holds always.

A container that begins where there is doubt belongs to it: others can hand it what they have opened. So does one that
an earlier process started, and one during whose start the file or its name was touched: its mount may lie on another.

Any thread may call. One lock, held over the disk: what is decided of a file and what is then done must be one step,
which only a change, a group's first container and its last one take.
"""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from openclaw.agents import group_files
from openclaw.agents.group_files import SETTINGS, Cover, Stamp
from openclaw.agents.settings_copies import SettingsCopies
from openclaw.agents.specs import MAIN
from openclaw.errors import FileRefused

log = logging.getLogger(__name__)

_EARLIER: Final = ""
"""Stands for the containers that an earlier process has left; no cid."""


class Watch(Protocol):
    """What the agents tell of containers that may write to their group's folder."""

    def began(self, group: str, cid: str, made_on: tuple[int, ...], *, starting: bool) -> None:
        """The container is about to be given a turn. `made_on` is its spec's settings_file, empty where nobody knows.

        `starting`: its mounts are made from now on, until `started`. Raises OSError, FileRefused, but not for one of
        which nobody knows.
        """
        ...

    def started(self, cid: str) -> None:
        """It runs, so its mounts are there."""
        ...

    def ended(self, cid: str) -> None:
        """It is gone from the engine, or never came. Told again is fine."""
        ...

    def earlier_are_gone(self) -> None:
        """What an earlier process has left is gone, or was told of by `began`."""
        ...


class Unwatched:
    """For a runtime that isolates nothing: what its agents may write, a guard does not change.

    Containers that an earlier process has left are none of its runtime's either.
    """

    def __init__(self, guard: SettingsGuard) -> None:
        self._guard = guard

    def began(self, group: str, cid: str, made_on: tuple[int, ...], *, starting: bool) -> None:
        return

    def started(self, cid: str) -> None:
        return

    def ended(self, cid: str) -> None:
        return

    def earlier_are_gone(self) -> None:
        self._guard.earlier_are_gone()


class Held(NamedTuple):
    """What holds: the bytes of a group.json. `stamp` is that of the file in the group's folder, None without one."""

    data: bytes
    stamp: Stamp | None
    doubt: bool = False
    """The file says something else, and nobody can tell who has written it."""


@dataclass(slots=True)
class _Running:
    """A group whose containers run."""

    data: bytes
    """What holds; empty: nothing does."""
    cover: Cover | None = None
    pin: int = -1
    """Keeps the covered file's number from being given to another one."""
    cids: set[str] = field(default_factory=set)
    starting: set[str] = field(default_factory=set)
    in_doubt: bool = False


class SettingsGuard:
    """Guards the group.json of every folder below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._copies = SettingsCopies(root)
        self._lock = threading.Lock()
        # Guarded by _lock: both.
        self._running = {
            group: _Running(data, cids={_EARLIER}, in_doubt=True) for group, data in self._copies.held().items()
        }
        self._group_of: dict[str, str] = {}  # by cid

    def is_quiet(self, group: str) -> bool:
        """Whether no container of the group runs: what is in its folder holds. May be over when it returns."""
        return group not in self._running

    def look(self, group: str) -> Held:
        """What holds now. Raises FileNotFoundError where nothing does, another OSError, or FileRefused."""
        with self._lock:
            running = self._running.get(group)
            if running is None:
                return Held(*group_files.read(self.root / group))
            return self._look(group, running)

    # What the service itself writes

    def publish(self, group: str, data: bytes, *, replace: bool = True) -> bool:
        """As group_files.publish; it holds at once, whoever runs."""
        with self._lock:
            running = self._running.get(group)
            if running is None:
                return group_files.publish(self.root / group, data, replace=replace)
            if not replace and os.path.lexists(self.root / group / SETTINGS):
                raise FileExistsError(group)
            before = running.data
            self._hold(group, running, data)
            try:
                new = group_files.publish(self.root / group, data, replace=replace)
            except OSError:
                self._hold(group, running, before)
                raise
            self._compare(group, running, asked=True)
            return new

    def withdraw(self, group: str) -> None:
        """Take group.json away; durable when it returns. Raises OSError."""
        with self._lock:
            running = self._running.get(group)
            before = b"" if running is None else running.data
            if running is not None:
                self._hold(group, running, b"")
            try:
                self._copies.set_aside(group, "removed")
            except OSError:
                if running is not None:
                    self._hold(group, running, before)
                raise
            if running is not None:
                self._compare(group, running, asked=True)

    # Containers

    def began(self, group: str, cid: str, made_on: tuple[int, ...], *, starting: bool) -> None:
        with self._lock:
            running = self._running.get(group)
            if running is None:
                running = self._running[group] = self._first(group) if made_on else self._found(group)
            running.cids.add(cid)
            self._group_of[cid] = group
            try:
                self._compare(group, running)
                if not running.in_doubt:
                    self._adopt(group, running)
            except BaseException:  # passed on; it is given no turn, and must not count
                del self._group_of[cid]
                self._leave(group, cid)
                raise
            if starting:
                running.starting.add(cid)
            if made_on != running.cover:
                running.in_doubt = True  # not worth a word: the file is as it was

    def started(self, cid: str) -> None:
        with self._lock:
            group = self._group_of.get(cid)
            if group is not None:
                running = self._running[group]
                self._compare(group, running)
                running.starting.discard(cid)

    def ended(self, cid: str) -> None:
        with self._lock:
            group = self._group_of.pop(cid, None)
            if group is not None:
                self._leave(group, cid)

    def earlier_are_gone(self) -> None:
        with self._lock:
            for group in [group for group, running in self._running.items() if _EARLIER in running.cids]:
                self._leave(group, _EARLIER)

    # Under the lock

    def _first(self, group: str) -> _Running:
        """The group's first container: from now on what the file says now holds. Raises OSError, FileRefused."""
        folder = self.root / group
        pin = os.open(folder / SETTINGS, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            data, _ = group_files.read(folder)
            status = os.fstat(pin)
            self._copies.hold(group, data)
        except BaseException:
            os.close(pin)
            raise
        cover = group_files.cover(status)
        return _Running(data, cover, pin, in_doubt=self._now(group) != (cover, 1))

    def _found(self, group: str) -> _Running:
        """Containers run of which nobody has kept account: what the file says, as far as it says anything."""
        data, _ = self._read(group)
        return _Running(data or (b"{}\n" if group == MAIN else b""), in_doubt=True)

    def _look(self, group: str, running: _Running) -> Held:
        self._compare(group, running)
        if not running.in_doubt:
            return self._adopt(group, running)
        data, stamp = self._read(group)
        if stamp is None and group != MAIN and running.data:
            self._hold(group, running, b"")  # whoever has taken it away: the group is closed, and stays so
        if not running.data and group != MAIN:
            raise FileNotFoundError(group)
        return Held(running.data, stamp, data != running.data)

    def _adopt(self, group: str, running: _Running) -> Held:
        """The file is under the mounts: what it says is the user's."""
        data, stamp = group_files.read(self.root / group)
        assert running.cover is not None
        if stamp.inode != running.cover.inode:  # replaced this very moment
            running.in_doubt = True
            return Held(running.data, None, True)
        if data != running.data:
            self._hold(group, running, data)
        if not running.starting:
            running.cover = group_files.cover(os.fstat(running.pin))
        return Held(data, stamp)

    def _compare(self, group: str, running: _Running, *, asked: bool = False) -> None:
        """See whether the mounts still lie on the file. `asked`: it is the service that has changed it."""
        if running.in_doubt:
            return
        now, links = self._now(group)
        cover = running.cover
        if now is None or cover is None or links != 1 or not now.lies_on(cover) or (running.starting and now != cover):
            running.in_doubt = True
            if not asked:
                log.warning(
                    "groups/%s/%s was replaced or removed while containers run that may write to that folder, so nobody"
                    " can tell by whom: what it said before holds until they have ended. If it was you, say it by"
                    " `openclaw groups add %s …` or PUT /groups/%s, which hold at once", group, SETTINGS, group, group,
                )  # fmt: skip

    def _leave(self, group: str, cid: str) -> None:
        running = self._running[group]
        self._compare(group, running)
        running.cids.discard(cid)
        running.starting.discard(cid)
        if running.cids:
            return
        try:
            if running.in_doubt:
                self._put_right(group, running.data)
            self._copies.rest(group)
        except OSError as error:  # the copy goes on to hold, and the next container's end tries again
            running.in_doubt = True
            log.error("groups/%s/%s cannot be put back as it was: %s", group, SETTINGS, error)
            return
        del self._running[group]
        if running.pin >= 0:
            os.close(running.pin)

    def _put_right(self, group: str, held: bytes) -> None:
        """Nobody writes any more: what is not what holds is set aside, and what holds is put back."""
        data, _ = self._read(group)
        if data == held and (data or not os.path.lexists(self.root / group / SETTINGS)):
            return
        aside = None
        if os.path.lexists(self.root / group / SETTINGS):
            aside = self._copies.set_aside(group, "refused")
        if held:
            group_files.put_back(self.root / group, held)
        if aside is not None:
            log.warning(
                "groups/%s/%s was replaced while containers could write it, and is as before again; what lay there is"
                " %s: if it is yours, look at it and copy it back", group, SETTINGS, aside,
            )  # fmt: skip

    def _hold(self, group: str, running: _Running, data: bytes) -> None:
        self._copies.hold(group, data)
        running.data = data

    def _read(self, group: str) -> tuple[bytes | None, Stamp | None]:
        """What lies there, and its stamp; None for what is not there, or no file that could be read."""
        folder = self.root / group
        try:
            return group_files.read(folder)
        except FileNotFoundError:
            return None, None
        except (OSError, FileRefused):
            try:
                return None, group_files.stamp(folder)
            except OSError:
                return None, None

    def _now(self, group: str) -> tuple[Cover | None, int]:
        """Which file group.json is, and how many names it has."""
        try:
            status = os.stat(self.root / group / SETTINGS, follow_symlinks=False)
        except OSError:
            return None, 0
        return group_files.cover(status), status.st_nlink
