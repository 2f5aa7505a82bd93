"""Groups: the folders below groups/ that may be spoken to, and their settings. Main exists from the start.

Any thread may call. The disk is looked at on every call, one stat where nothing has changed, so that a group that was
added or changed by hand is there at once. A damaged group.json closes its group; nothing is guessed.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from openclaw.agents import group_files
from openclaw.agents.group_config import GroupConfig
from openclaw.agents.group_files import MAX_SETTINGS, SETTINGS, Stamp
from openclaw.errors import (
    DamagedGroup,
    FileRefused,
    GroupProtected,
    GroupTaken,
    InvalidGroup,
    InvalidMessage,
    NotDurable,
    SenderRefused,
    UnknownGroup,
)
from openclaw.message import is_name, load_object
from openclaw.message.names import RULE

log = logging.getLogger(__name__)

MAIN: Final = "main"
GLOBAL: Final = "global"
"""Holds what every group may read; nobody can speak to it."""


class _Read(NamedTuple):
    """What was read at `stamp`: the settings, or what is wrong with them."""

    stamp: Stamp
    config: GroupConfig
    damage: str = ""


class Groups:
    """The registered groups: Main, and every folder that has a group.json. Main may have one too."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._known: dict[str, _Read] = {}  # guarded by _lock; by group

    def check(self, group: str, sender: str = "") -> None:
        """Raise UnknownGroup, which says what groups there are, DamagedGroup, or SenderRefused.

        Without a `sender` it is the user of this machine, who may always speak.
        """
        allowed = self.config(group).allowed_senders
        if sender and allowed and sender not in allowed:
            raise SenderRefused(f"the group {group!r} does not listen to {sender!r}: see its allowed_senders")

    def config(self, group: str) -> GroupConfig:
        """The settings of a group. Raises UnknownGroup or DamagedGroup."""
        if group == GLOBAL or not is_name(group):
            raise self._unknown(group)
        try:
            read = self._current(group)
        except (FileNotFoundError, NotADirectoryError):
            with self._lock:
                self._known.pop(group, None)
            if group != MAIN:
                raise self._unknown(group) from None
            return GroupConfig()
        except FileRefused as refused:
            raise _damaged(group, str(refused)) from None
        except OSError as error:
            raise _damaged(group, f"it cannot be read: {error.strerror}") from None
        if read.damage:
            raise _damaged(group, read.damage)
        return read.config

    def list(self) -> list[dict[str, Any]]:
        """Every group as `show` gives it, Main first."""
        shown = []
        for name in self._names():
            with suppress(UnknownGroup):  # removed meanwhile
                shown.append(self.show(name))
        return shown

    def show(self, group: str) -> dict[str, Any]:
        """{"name", "folder"} and the settings, or in their place "damaged", which says why. Raises UnknownGroup."""
        entry = {"name": group, "folder": str(self._root / group)}
        try:
            return {**entry, **self.config(group).to_json()}
        except DamagedGroup as damaged:
            return {**entry, "damaged": str(damaged)}

    def add(self, group: str, config: GroupConfig, *, replace: bool = True) -> bool:
        """Make a group, or with `replace` change the settings of one; durable when it returns. Whether it is a new one.

        Raises InvalidGroup, GroupProtected, GroupTaken, or NotDurable where the disk does not take it.
        """
        if not is_name(group):
            raise InvalidGroup(f"a group's name is {RULE}")
        if group == GLOBAL:
            raise GroupProtected(f"{GLOBAL} holds what every group may read; nobody can speak to it")
        data = json.dumps(config.deviations(), indent=2, ensure_ascii=False).encode() + b"\n"
        if len(data) > MAX_SETTINGS:
            raise InvalidGroup(f"the settings take {len(data)} bytes; at most {MAX_SETTINGS} are kept")
        if group == MAIN and not replace:
            raise GroupTaken(f"{MAIN} is there from the start")
        try:
            return group_files.publish(self._root / group, data, replace=replace) and group != MAIN
        except FileExistsError as error:
            raise GroupTaken(f"there is a group {group} already") from error
        except OSError as error:
            raise _not_written(group, error) from error

    def remove(self, group: str) -> None:
        """Take a group's settings away, so that nobody can speak to it; its folder and files stay.

        Raises GroupProtected, UnknownGroup, or NotDurable where the disk does not take it.
        """
        if group in (MAIN, GLOBAL):
            raise GroupProtected(f"{group} belongs to the assistant itself and cannot be removed")
        if not self._is_registered(group):
            raise self._unknown(group)
        try:
            group_files.withdraw(self._root / group)
        except FileNotFoundError:
            raise self._unknown(group) from None
        except OSError as error:
            raise _not_written(group, error) from error

    def _current(self, group: str) -> _Read:
        """What group.json says now, read only where it is another one than before. Raises OSError, FileRefused."""
        stamp = group_files.stamp(self._root / group)
        with self._lock:
            known = self._known.get(group)
        if known is not None and known.stamp == stamp:
            return known
        read = _parse(*group_files.read(self._root / group))
        with self._lock:
            self._known[group] = read
        if known is not None:
            _log_change(group, known, read)
        return read

    def _names(self) -> Sequence[str]:
        try:
            there = os.listdir(self._root)
        except FileNotFoundError:
            there = []
        return [MAIN, *sorted(name for name in there if name not in (MAIN, GLOBAL) and self._is_registered(name))]

    def _is_registered(self, group: str) -> bool:
        return is_name(group) and os.path.lexists(self._root / group / SETTINGS)

    def _unknown(self, group: str) -> UnknownGroup:
        return UnknownGroup(f"there is no group {group[:80]!r}; known: {', '.join(self._names())}")


def _parse(data: bytes, stamp: Stamp) -> _Read:
    try:
        return _Read(stamp, GroupConfig.from_json(load_object(data)))
    except (InvalidMessage, InvalidGroup) as error:
        return _Read(stamp, GroupConfig(), str(error))


def _log_change(group: str, before: _Read, now: _Read) -> None:
    if now.damage:
        log.warning("groups/%s/%s is damaged, so nobody can speak to the group: %s", group, SETTINGS, now.damage)
        return
    old, new = before.config.to_json(), now.config.to_json()
    changed = [key for key in new if new[key] != old[key]]
    if changed:
        log.info("The group %s has other settings than before: %s", group, ", ".join(changed))


def _damaged(group: str, why: str) -> DamagedGroup:
    return DamagedGroup(f"groups/{group}/{SETTINGS} is damaged, so nobody can speak to the group: {why}")


def _not_written(group: str, error: OSError) -> NotDurable:
    return NotDurable(f"groups/{group} cannot be written: {error.strerror}")
