"""File systems of a test's own, on a loop device or in memory; only root can have them.

`LoopDisk` is an ext4 whose power can be cut: what the kernel had not written by then is lost, as it would be.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.faults.amount import cannot

_EXT4_IOC_SHUTDOWN: Final = 0x8004587D  # _IOR('X', 125, __u32) of fs/ext4/ext4.h
_NO_LOG_FLUSH: Final = 2  # EXT4_GOING_FLAGS_NOLOGFLUSH: what waits in the journal is lost, too
_SIZE: Final = 64 * 1024 * 1024
_BOUND: Final = 60


class LoopDisk:
    """An ext4 in the file `image`, mounted on `path`. `features` are those of mke2fs(8)."""

    def __init__(self, image: Path, path: Path, features: str) -> None:
        if os.geteuid() != 0:
            cannot("only root can mount a file system of its own")
        self._image = image
        self.path = path
        path.mkdir()
        with image.open("wb") as file:
            file.truncate(_SIZE)
        _run("mkfs.ext4", "-q", "-O", features, str(image))
        self._mount()

    def cut_power(self) -> None:
        """From now on nothing more reaches the disk, and every write fails: this is the moment of the cut."""
        fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(fd, _EXT4_IOC_SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(fd)
        # What the device had got by then. The kernel may still write back what it holds when the mount is undone.
        shutil.copyfile(self._image, self._image.with_suffix(".cut"))

    def boot(self) -> None:
        """Mount what the device had at the cut, checked as at any boot."""
        self.unmount()
        self._image.with_suffix(".cut").rename(self._image)
        checked = subprocess.run(
            ["e2fsck", "-f", "-y", self._image], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, timeout=_BOUND, check=False,
        )  # fmt: skip
        assert checked.returncode in (0, 1), "the file system is damaged beyond what e2fsck(8) repairs"
        self._mount()

    def unmount(self) -> None:
        _run("umount", "--lazy", str(self.path))

    def _mount(self) -> None:
        try:
            _run("mount", "-o", "loop", str(self._image), str(self.path))
        except subprocess.CalledProcessError as error:
            cannot(f"no loop device can be mounted here: {error}")


@contextmanager
def loop_disk(directory: Path, features: str) -> Iterator[LoopDisk]:
    """A disk that is mounted on `directory`/home while the block lasts."""
    disk = LoopDisk(directory / "disk.img", directory / "home", features)
    try:
        yield disk
    finally:
        disk.unmount()


@contextmanager
def memory_disk(path: Path, options: str) -> Iterator[None]:
    """A tmpfs on `path`, which is made, while the block lasts. `options` are those of tmpfs(5)."""
    if os.geteuid() != 0:
        cannot("only root can mount a file system of its own")
    path.mkdir(parents=True, exist_ok=True)
    _run("mount", "-t", "tmpfs", "-o", f"mode=700,{options}", "tmpfs", str(path))
    try:
        yield
    finally:
        _run("umount", "--lazy", str(path))


def remount(path: Path, options: str) -> None:
    """Change how a disk is mounted: "ro" or "rw". The kernel refuses while a file is open for writing."""
    command = ["mount", "-o", f"remount,{options}", str(path)]
    tries = (subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=_BOUND, check=False)
             for _ in range(200))
    assert any(done.returncode == 0 for done in tries), "somebody writes to the disk all the time"


def _run(*command: str) -> None:
    subprocess.run(command, stdin=subprocess.DEVNULL, timeout=_BOUND, check=True)
