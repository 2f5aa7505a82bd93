"""MountAllowlist: which places on the host a container may be given beside its group's folder.

    ~/.config/openclaw/mount-allowlist.json     {"allow": [{"path": "~/projects", "readonly": true}]}

The file is the user's own and lies where no container can write. It is read each time that a mount is asked for; where
it is missing nothing is allowed. No state beyond two paths; any thread may call. What lies in no allowed folder by its
name, or by a link's, is refused without a look at it. Of what is allowed it reads the disk, so that an allowed folder
on a file server that hangs holds its caller up.

What is checked here is checked once. The engine is given the resolved path, opens it some milliseconds later, and
follows links again: who may write to a folder on the way to a source can lead it elsewhere in between. A container that
writes to a mount can do so only where one source lies below another that is writable. Links below a source lead a
container nowhere but in its own file system.
"""

from __future__ import annotations

import os
import pwd
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

from openclaw.agents.blocked_places import BlockedPlaces
from openclaw.agents.group_config import MountRequest, is_host_path
from openclaw.agents.link_walk import Parts, Root, follow, parts_of, starts_with
from openclaw.containers.process import CHECKOUT
from openclaw.containers.runtime import EXTRA_DIR, Mount
from openclaw.errors import InvalidMessage, MountRefused
from openclaw.message import load_object

MAX_FILE: Final = 256 * 1024
_SHAPE: Final = '{"allow": [{"path": "~/projects", "readonly": true}]}'


class _Entry(NamedTuple):
    """One allowed folder, resolved, and what it is called beside that."""

    root: Path
    readonly: bool
    names: tuple[Parts, ...]


class MountAllowlist:
    """Turns requests into mounts. `home` is OPENCLAW_HOME, `user_home` that of the service's user."""

    def __init__(self, home: Path, user_home: Path | None = None) -> None:
        on_record = _home_on_record()
        self._user_home = user_home or Path(os.environ.get("HOME") or on_record)
        self._ours = (home, CHECKOUT)
        self._blocked = BlockedPlaces(self._ours, {self._user_home, on_record})
        self.path = self._user_home / ".config/openclaw/mount-allowlist.json"

    def resolve(self, requests: Iterable[MountRequest]) -> tuple[Mount, ...]:
        """The mounts that were asked for, in the same order. Raises MountRefused for the first that is not allowed."""
        requests = tuple(requests)
        if not requests:
            return ()
        entries = self._read()
        return tuple(self._resolve(request, entries) for request in requests)

    def _resolve(self, request: MountRequest, entries: list[_Entry] | None) -> Mount:
        if entries is None:
            why = f"there is no {self.path}, and only what that allows is mounted. To allow a folder write into it,"
            raise self._refusal(request, f"{why} with yours in place of ~/projects: {_SHAPE}")
        parts = self.parts(request.path)
        if os.pardir in parts:
            raise self._refusal(request, "name it without ..")
        source, out = follow(parts, [Root(parts_of(one.root), one.names) for one in entries], between=True)
        if out:
            # Whether it is there or not: an agent that asks must not learn what else there is on the host.
            why = f'it lies in no folder that {self.path} allows; what "allow" names there holds at once'
            raise self._refusal(request, why)
        if source is None:
            raise self._refusal(request, "there is no such file or folder, or the service may not look at it")
        why = self._blocked.why(source) or _why_not_one_file_system(source)
        if why:
            raise self._refusal(request, why)
        if not source.is_dir() and not source.is_file():
            raise self._refusal(request, "only folders and regular files can be")
        covering = [entry for entry in entries if source.is_relative_to(entry.root)]
        nearest = max(covering, key=lambda entry: len(entry.root.parts))
        if nearest.readonly and not request.readonly:
            why = f'{self.path} allows it to be read only; ask for that, or say "readonly": false there'
            raise self._refusal(request, why)
        return Mount(source, f"{EXTRA_DIR}/{request.name}", request.readonly)

    def _refusal(self, request: MountRequest, why: str) -> MountRefused:
        return MountRefused(f"{request.path} cannot be mounted: {why}")

    def parts(self, path: str) -> Parts:
        """What a path is by its name: nothing is looked at."""
        return parts_of(self._user_home / path.removeprefix("~/"))

    def _real(self, path: str) -> Path | None:
        """Where an entry's path leads, None where it leads nowhere or may not be looked at."""
        try:
            return Path(os.path.realpath(self._user_home / path.removeprefix("~/"), strict=True))
        except (OSError, ValueError):
            return None

    def _names(self, path: str) -> tuple[Parts, ...]:
        """What an entry's path is by its name; where the home is reached by a link, in either way."""
        parts = self.parts(path)
        homes = parts_of(self._user_home), parts_of(os.path.realpath(self._user_home))
        others = [(*to, *parts[len(home) :]) for home, to in (homes, homes[::-1]) if starts_with(parts, home)]
        return (parts, *others)

    # The file

    def _read(self) -> list[_Entry] | None:
        """The allowed folders that are there; None where there is no file. Raises MountRefused for one of no use."""
        try:
            value = load_object(self._bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(f"it cannot be read: {error.strerror}") from None
        except InvalidMessage as error:
            raise self._unusable(str(error)) from None
        if value.keys() != {"allow"} or not isinstance(value["allow"], list):
            raise self._unusable(f'it takes the one key "allow", a list, as in {_SHAPE}')
        given = [self._entry(number, entry) for number, entry in enumerate(value["allow"], 1)]
        found = [(self._real(entry["path"]), entry) for entry in given]
        entries = [
            _Entry(root, entry.get("readonly", True), self._names(entry["path"]))
            for root, entry in found if root is not None
        ]  # fmt: skip
        self._check_place(entries)
        return entries

    def _bytes(self) -> bytes:
        fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE:
                raise self._unusable(f"it is no file of at most {MAX_FILE} bytes")
            if status.st_uid not in (0, os.geteuid()):
                raise self._unusable(f"it belongs to uid {status.st_uid}: give it to the service's user or to root")
            if status.st_mode & 0o022:
                raise self._unusable(f"others may write it: chmod go-w {self.path}")
            return os.read(fd, MAX_FILE)
        finally:
            os.close(fd)

    def _entry(self, number: int, given: object) -> dict[str, Any]:
        if not isinstance(given, dict):
            why = "is no object"
        elif unknown := sorted(given.keys() - {"path", "readonly"}):
            why = f"has the key {unknown[0][:80]!r}"
        elif not isinstance(given.get("path"), str) or not is_host_path(given["path"]):
            why = 'has no "path" that begins with / or ~/'
        elif not isinstance(given.get("readonly", True), bool):
            why = 'has a "readonly" that is neither true nor false'
        else:
            return given
        raise self._unusable(
            f'entry {number} of "allow" {why}: it takes a "path" and, as you like, "readonly", which is true where it'
            f" is left out, and with false lets containers write, as in {_SHAPE}"
        )

    def _check_place(self, entries: list[_Entry]) -> None:
        """The file must lie where nothing that runs in a container can ever come to write."""
        real = Path(os.path.realpath(self.path))
        for folder in (*self._ours, *(entry.root for entry in entries)):
            if self.path.is_relative_to(folder) or real.is_relative_to(os.path.realpath(folder)):
                raise self._unusable(f"it lies in {folder}, which containers may be given a part of; move one of them")

    def _unusable(self, why: str) -> MountRefused:
        return MountRefused(f"nothing can be mounted, since {self.path} is not used: {why}")


def _why_not_one_file_system(source: Path) -> str:
    """Why `source` is not given where more is mounted below it: an engine may leave that writable, readonly or not."""
    below = os.fsencode(source).rstrip(b"/") + b"/"
    with open("/proc/self/mountinfo", "rb") as mounts:
        for line in mounts:
            # The fifth field is the mount point, in which a space is \040 (proc(5)).
            point = re.sub(rb"\\([0-7]{3})", lambda code: bytes([int(code[1], 8)]), line.split(b" ")[4])
            if point.startswith(below):
                return f"something else is mounted in it, at {os.fsdecode(point)}; name what is beside or below"
    return ""


def _home_on_record() -> Path:
    """The home in the password file; who has none there has no credentials in it."""
    try:
        return Path(pwd.getpwuid(os.geteuid()).pw_dir)
    except KeyError:
        return Path("/nonexistent")
