"""A copy of a file in a group's folder, for `openclaw send --file`; what lies there already is named as it is.

Runs on the main thread. The group's folder is written to by agents, so no link in it is followed: everything is done
below the descriptor of the folder. Nothing that is there is overwritten; the same content under the same name is used
again, so that a message that is sent once more stays the same message.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from openclaw.errors import InvalidMessage, OpenClawError
from openclaw.spool.syscalls import rename_new

FOLDER: Final = "files"
"""Where copies go, below the group's folder."""

MAX_SIZE: Final = 256 * 1024 * 1024
"""Bytes of a file."""

MAX_NAME: Final = 200
"""Bytes of a name, of which file systems take 255."""
MAX_NAMES: Final = 1000
"""Names that are tried: NAME, NAME-2, NAME-3, …"""

_PIECE: Final = 1024 * 1024
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_UNSAFE: Final = re.compile(r"[^\w.,+@-]+")


class Attached(NamedTuple):
    """A file that agents of the group can read, by its path below the group's folder."""

    name: str
    fresh: bool
    """Whether it was put there now."""


def attach(path: Path, folder: Path) -> Attached:
    """Put a copy of the file at `path` below the group's `folder`, which is there, unless it lies in it.

    Raises InvalidMessage for what is no such file, OpenClawError where the copy cannot be made.
    """
    with _source(path) as (source, size):
        real, root = path.resolve(), folder.resolve()
        if real.is_relative_to(root):
            return Attached(str(real.relative_to(root)), fresh=False)
        try:
            with _target(folder) as (target, owner):
                return _copy(source, size, safe_name(path.name), target, owner)
        except OSError as error:
            raise OpenClawError(f"{folder / FOLDER} takes no copy of {path}: {error.strerror or error}") from None


def detach(attached: Attached, folder: Path) -> None:
    """Take away a copy that no message names."""
    if attached.fresh:
        with contextlib.suppress(OSError), _target(folder) as (target, _):
            os.unlink(attached.name.removeprefix(f"{FOLDER}/"), dir_fd=target)


def safe_name(name: str) -> str:
    """`name` without what a shell, a terminal or a prompt could trip over."""
    stem, dot, suffix = _UNSAFE.sub("_", name).strip("._-").rpartition(".")
    stem, suffix = (stem, dot + suffix) if dot and len(suffix) <= 10 else (stem + dot + suffix, "")
    room = MAX_NAME - len(suffix.encode())
    return (stem.encode()[:room].decode(errors="ignore").rstrip("_") + suffix) or "file"


@contextlib.contextmanager
def _source(path: Path) -> Iterator[tuple[int, int]]:
    """The file's descriptor and size. Raises InvalidMessage."""
    try:
        fd = os.open(path, _READ)
    except OSError as error:
        if path.is_symlink():
            raise InvalidMessage(f"{path} is a link: name the file itself, {_resolved(path)}") from None
        raise InvalidMessage(f"{path} cannot be read: {error.strerror}") from None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise InvalidMessage(f"{path} is no regular file; pack a folder first, as by tar")
        if status.st_size > MAX_SIZE:
            raise InvalidMessage(f"{path} has {status.st_size:,} bytes; {MAX_SIZE:,} are taken")
        yield fd, status.st_size
    finally:
        os.close(fd)


def _resolved(path: Path) -> str:
    try:
        return str(path.resolve())
    except (OSError, RuntimeError):  # a circle
        return "which leads nowhere"


@contextlib.contextmanager
def _target(folder: Path) -> Iterator[tuple[int, os.stat_result]]:
    """The descriptor of the folder for copies, made where it is missing, and whose the group's folder is."""
    group = os.open(folder, _DIRECTORY)
    try:
        owner = os.fstat(group)
        with contextlib.suppress(FileExistsError):
            os.mkdir(FOLDER, 0o755, dir_fd=group)
            _give(owner, FOLDER, group)
        target = os.open(FOLDER, _DIRECTORY | os.O_NOFOLLOW, dir_fd=group)
    finally:
        os.close(group)
    try:
        yield target, owner
    finally:
        os.close(target)


def _give(owner: os.stat_result, name: str, directory: int) -> None:
    """Where root runs this, agents have another user: the group's folder is theirs, and so is what comes into it."""
    if os.geteuid() == 0:
        os.chown(name, owner.st_uid, owner.st_gid, dir_fd=directory, follow_symlinks=False)


def _copy(source: int, size: int, name: str, target: int, owner: os.stat_result) -> Attached:
    hidden = f".new.{secrets.token_hex(8)}"
    fd = os.open(hidden, _WRITE, 0o600, dir_fd=target)
    try:
        try:
            copied = _pour(source, fd, size)
            os.fsync(fd)  # audit: ok 4.3 a file that a person names; a durable message must not name an empty one
        finally:
            os.close(fd)
        _give(owner, hidden, target)
        for wanted in _names(name):
            if _is_same(source, copied, wanted, target):
                return Attached(f"{FOLDER}/{wanted}", fresh=False)
            try:
                rename_new(hidden, wanted, src_dir_fd=target, dst_dir_fd=target)
            except FileExistsError:
                continue
            return Attached(f"{FOLDER}/{wanted}", fresh=True)
        raise OpenClawError(f"there are {MAX_NAMES} files named {name} already: name yours differently")
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(hidden, dir_fd=target)


def _pour(source: int, fd: int, size: int) -> int:
    """Copy at most `size` bytes, what the file had when it was opened; how many they were."""
    copied = 0
    while piece := os.pread(source, min(_PIECE, size - copied), copied):
        view = memoryview(piece)
        while view:
            view = view[os.write(fd, view) :]
        copied += len(piece)
    return copied


def _names(name: str) -> Iterator[str]:
    yield name
    stem, _, suffix = name.rpartition(".")
    for number in range(2, MAX_NAMES + 1):
        yield f"{stem}-{number}.{suffix}" if stem else f"{name}-{number}"


def _is_same(source: int, size: int, name: str, target: int) -> bool:
    """Whether `name` is a regular file that has what the first `size` bytes of `source` are."""
    try:
        there = os.open(name, _READ, dir_fd=target)
    except OSError:
        return False
    try:
        status = os.fstat(there)
        if not stat.S_ISREG(status.st_mode) or status.st_size != size:
            return False
        return all(
            os.pread(there, _PIECE, place) == os.pread(source, min(_PIECE, size - place), place)
            for place in range(0, size, _PIECE)
        )
    finally:
        os.close(there)
