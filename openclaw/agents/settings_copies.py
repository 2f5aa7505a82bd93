"""SettingsCopies: what holds for groups whose containers run, kept where no container reaches: groups/.settings.

    GROUP.json              the copy that holds; there for as long as containers of the group may run
    .GROUP.json             the same at rest, so that the next container need not wait for the disk
    GROUP.refused.json      a group.json that a container may have written, as it lay in the group's folder
    GROUP.removed.json      the last one that was taken away with its group
    .cover                  what containers have in the place of their group.json, which they may not write

A copy is durable before it counts. That it counts no more is only a rename: what a power cut brings back is believed
too long, never too short. No state beyond paths; the settings' guard calls, under its lock.
"""

from __future__ import annotations

import os
import secrets
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from openclaw.agents.group_files import MAX_SETTINGS, SETTINGS
from openclaw.errors import FileRefused
from openclaw.message import is_name
from openclaw.spool import DropDir

FOLDER: Final = ".settings"
_MODE: Final = 0o700
_SUFFIX: Final = ".json"
_COVER: Final = ".cover"
_COVER_TEXT: Final = b'{"note": "the settings are the user\'s: this file lies over them"}\n'


class SettingsCopies:
    """The copies beside the groups' folders below `groups`. Every method may raise OSError."""

    def __init__(self, groups: Path) -> None:
        self._groups = groups
        self._folder = groups / FOLDER

    def cover(self) -> Path:
        """The file that is mounted over a group.json: no container can lead its mount elsewhere by a link."""
        path = self._folder / _COVER
        if not path.exists():
            with closing(DropDir(self._folder, create_mode=_MODE)) as there:
                there.place(_COVER, _COVER_TEXT)
        return path

    def held(self) -> dict[str, bytes]:
        """By group, the copies that an earlier process has left holding. One that cannot be read holds nothing."""
        if not self._folder.is_dir():
            return {}
        with closing(DropDir(self._folder)) as there:
            names = [name.removesuffix(_SUFFIX) for name in there.names() if name.endswith(_SUFFIX)]
            return {name: _read(there, name + _SUFFIX) for name in names if is_name(name)}

    def hold(self, group: str, data: bytes) -> None:
        """From now on `data` holds; empty: the group has no settings, and where it is not Main is none."""
        name = group + _SUFFIX
        with closing(DropDir(self._folder, create_mode=_MODE)) as there:
            if there.exists("." + name) and _read(there, "." + name) == data:
                there.reveal("." + name, name, replace=True)
                return
            staged = there.stage(data)
            try:
                os.fsync(staged.fd)
                there.reveal(staged.name, name, replace=True)
            except OSError:
                there.remove(staged.name)
                raise
            finally:
                os.close(staged.fd)
            there.sync_entries()

    def rest(self, group: str) -> None:
        """No container is left that could write the group's own file, which holds again."""
        with closing(DropDir(self._folder, create_mode=_MODE)) as there, suppress(FileNotFoundError):
            there.reveal(group + _SUFFIX, f".{group}{_SUFFIX}", replace=True)

    def set_aside(self, group: str, why: str) -> Path:
        """Move the group.json in the group's folder here, whatever it is: `why` names it, and the last one stays."""
        with closing(DropDir(self._folder, create_mode=_MODE)) as here, closing(DropDir(self._groups / group)) as there:
            name = f"{group}.{why}{_SUFFIX}"
            try:
                os.rename(SETTINGS, name, src_dir_fd=there.fd, dst_dir_fd=here.fd)
            except (FileExistsError, IsADirectoryError, NotADirectoryError):  # a folder, or over one
                name = f"{group}.{why}-{secrets.token_hex(4)}{_SUFFIX}"
                os.rename(SETTINGS, name, src_dir_fd=there.fd, dst_dir_fd=here.fd)
            here.sync_entries()
            there.sync_entries()
        return self._folder / name


def _read(there: DropDir, name: str) -> bytes:
    try:
        return there.read(name, MAX_SETTINGS).data
    except (FileRefused, FileNotFoundError):
        return b""
