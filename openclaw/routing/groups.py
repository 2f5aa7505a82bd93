"""Groups: the folders below groups/ that may be spoken to, and their settings. Main exists from the start.

Any thread may call. The disk is looked at on every call, one stat where nothing has changed, so that a group that was
added or changed by hand is there at once. A damaged group.json closes its group; nothing is guessed. What holds while a
group's containers run, which may write to its folder, the settings' guard says.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from openclaw.agents import group_files
from openclaw.agents.group_config import GroupConfig
from openclaw.agents.group_files import MAX_SETTINGS, SETTINGS, Stamp
from openclaw.agents.settings_guard import Held, SettingsGuard
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

_DOUBT: Final = (
    "group.json was replaced while containers run that could write it, so what it said before holds until they have"
    " ended; `openclaw groups add {group} …` or PUT /groups/{group} hold at once"
)


class _Read(NamedTuple):
    """What was read at `stamp`: the settings, or what is wrong with them."""

    stamp: Stamp | None
    config: GroupConfig
    damage: str = ""
    in_doubt: bool = False
    """The group's own file says something else, which does not hold: a container may have written it."""


class Groups:
    """The registered groups: Main, and every folder that has a group.json. Main may have one too."""

    def __init__(self, guard: SettingsGuard, changed: Callable[[], None] = lambda: None) -> None:
        """`changed` is called when there is another group, one less, or one with other settings."""
        self._guard = guard
        self._root = guard.root
        self._changed = changed
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
        return self._holding(group).config

    def _holding(self, group: str) -> _Read:
        """What holds for a group. Raises UnknownGroup or DamagedGroup."""
        if group == GLOBAL or not is_name(group):
            raise self._unknown(group)
        try:
            read = self._current(group)
        except (FileNotFoundError, NotADirectoryError):
            with self._lock:
                self._known.pop(group, None)
            if group != MAIN:
                raise self._unknown(group) from None
            return _Read(None, GroupConfig())
        except FileRefused as refused:
            raise _damaged(group, str(refused)) from None
        except OSError as error:
            raise _damaged(group, f"it cannot be read: {error.strerror}") from None
        if read.damage:
            raise _damaged(group, read.damage)
        return read

    def list(self) -> list[dict[str, Any]]:
        """Every group as `show` gives it, Main first."""
        shown = []
        for name in self._names():
            with suppress(UnknownGroup):  # removed meanwhile
                shown.append(self.show(name))
        return shown

    def show(self, group: str) -> dict[str, Any]:
        """{"name", "folder"} and the settings, or in their place "damaged", which says why. Raises UnknownGroup.

        With "in_doubt", which says why, where group.json does not say what holds.
        """
        entry = {"name": group, "folder": str(self._root / group)}
        try:
            read = self._holding(group)
            doubt = {"in_doubt": _DOUBT.format(group=group)} if read.in_doubt else {}
            return {**entry, **read.config.to_json(), **doubt}
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
            new = self._guard.publish(group, data, replace=replace) and group != MAIN
        except FileExistsError as error:
            raise GroupTaken(f"there is a group {group} already") from error
        except OSError as error:
            raise _not_written(group, error) from error
        self._changed()
        return new

    def remove(self, group: str) -> None:
        """Take a group's settings away, so that nobody can speak to it; its folder and files stay.

        Raises GroupProtected, UnknownGroup, or NotDurable where the disk does not take it.
        """
        if group in (MAIN, GLOBAL):
            raise GroupProtected(f"{group} belongs to the assistant itself and cannot be removed")
        if not self._is_registered(group):
            raise self._unknown(group)
        try:
            self._guard.withdraw(group)
        except FileNotFoundError:
            raise self._unknown(group) from None
        except OSError as error:
            raise _not_written(group, error) from error
        self._changed()

    def _current(self, group: str) -> _Read:
        """What holds now, read only where group.json is another one than before. Raises OSError, FileRefused."""
        stamp = None
        try:
            stamp = group_files.stamp(self._root / group)
        except FileNotFoundError:
            if self._guard.is_quiet(group):
                raise
        with self._lock:
            known = self._known.get(group)
        if known is not None and known.stamp == stamp:
            return known
        read = _parse(self._guard.look(group))
        if read.in_doubt:
            return read
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
        make = f"; `openclaw groups add {group}` makes it" if is_name(group) and group != GLOBAL else ""
        return UnknownGroup(f"there is no group {group[:80]!r}{make}; known: {', '.join(self._names())}")


def _parse(held: Held) -> _Read:
    try:
        return _Read(held.stamp, GroupConfig.from_json(load_object(held.data)), in_doubt=held.doubt)
    except (InvalidMessage, InvalidGroup) as error:
        return _Read(held.stamp, GroupConfig(), str(error), held.doubt)


def _log_change(group: str, before: _Read, now: _Read) -> None:
    if now.damage:
        log.warning("groups/%s/%s is damaged, so nobody can speak to the group: %s", group, SETTINGS, now.damage)
        return
    old, new = before.config.to_json(), now.config.to_json()
    changed = [key for key in new if new[key] != old[key]]
    if changed:
        log.info("The group %s has other settings than before: %s", group, ", ".join(changed))


def _damaged(group: str, why: str) -> DamagedGroup:
    return DamagedGroup(
        f"groups/{group}/{SETTINGS} is damaged, so nobody can speak to the group: {why}. Mend it by hand, or have"
        f" `openclaw groups add {group} …` write it anew"
    )


def _not_written(group: str, error: OSError) -> NotDurable:
    return NotDurable(f"groups/{group} cannot be written: {error.strerror}")
