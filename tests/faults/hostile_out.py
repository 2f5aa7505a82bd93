"""What a container may do to its `out/`, each as one attack on a channel that is real; and what each costs the host.

    python -m tests.faults.hostile_out [--files 1000000] [--dir DIR]     prints a table

An attack lies there when the host begins to listen, so that all it costs falls on one thread and can be measured.
"""

from __future__ import annotations

import argparse
import os
import socket
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from openclaw.agents.specs import new_cid
from openclaw.containers.channel import Channel, Channels
from openclaw.message.frames import STAGING
from openclaw.spool import Watcher
from tests.support.heard import Heard, listen

SECRET: Final = '{"status": "done", "text": "of somebody else"}'
TEBIBYTE: Final = 1 << 40
REPEATS: Final = 3


class Place(NamedTuple):
    """Where an attack is made."""

    out: Path
    secret: Path
    """A file of the host's that is a fine frame, and nobody's business."""
    files: int
    """How many a heap has."""

    @property
    def response(self) -> Path:
        return self.out / "m1.response.json"

    @property
    def events(self) -> Path:
        return self.out / "m1.events.jsonl"


class Attack(NamedTuple):
    """`told`: a part of what is said of it; empty where it is put up with. `heap`: it takes long to make."""

    name: str
    told: str
    plant: Callable[[Place], object]
    heap: bool = False


class Cost(NamedTuple):
    """In ms of a CPU and of the clock, the least of some times; what was said, how much was taken, and bytes read."""

    cpu: float
    wall: float
    told: str
    delivered: int
    read: int


def _heap(place: Place, prefix: str, make: Callable[[Path], object]) -> None:
    for number in range(place.files):
        make(place.out / f"{prefix}{number}")


def _touch(path: Path) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644))


def _sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, TEBIBYTE)


def _socket(path: Path) -> None:
    held = os.open(path.parent, os.O_PATH)  # the path may be too long for a socket's name
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"/proc/self/fd/{held}/{path.name}")
    finally:
        os.close(held)


def _device(path: Path, kind: int, major: int, minor: int) -> None:
    os.mknod(path, kind | 0o666, os.makedev(major, minor))


def _foreign(path: Path) -> None:
    path.write_text(SECRET)
    os.chown(path, 12345, 12345)


def _folder_for_staging(place: Place) -> None:
    (place.out / STAGING).rmdir()
    (place.out / STAGING).symlink_to(place.secret.parent)
    place.response.write_text("{}")


ATTACKS: Final = (
    Attack("a link to a secret", "is a symbolic link", lambda at: at.response.symlink_to(at.secret)),
    Attack("a link to itself", "is a symbolic link", lambda at: at.response.symlink_to(at.response)),
    Attack("a link for events", "is a symbolic link", lambda at: at.events.symlink_to(at.secret)),
    Attack("a hard link to a secret", "has 2 names", lambda at: at.response.hardlink_to(at.secret)),
    Attack("a hard link for events", "has 2 names", lambda at: at.events.hardlink_to(at.secret)),
    Attack("a FIFO", "is a FIFO", lambda at: os.mkfifo(at.response)),
    Attack("a FIFO for events", "is a FIFO", lambda at: os.mkfifo(at.events)),
    Attack("a socket", "is a socket", lambda at: _socket(at.response)),
    Attack("a folder", "is a directory", lambda at: at.response.mkdir()),
    Attack("a sparse TiB", f"has {TEBIBYTE} bytes", lambda at: _sparse(at.response)),
    Attack("a sparse TiB of events", "has a line of more than", lambda at: _sparse(at.events)),
    Attack("a link for the staging folder", "", _folder_for_staging),
    Attack("a heap of files", "keeps more than", lambda at: _heap(at, "x", _touch), heap=True),
    Attack("a heap of hidden files", "keeps more than", lambda at: _heap(at, ".x", _touch), heap=True),
    Attack("a heap of folders", "keeps more than", lambda at: _heap(at, "d", Path.mkdir), heap=True),
    Attack("a heap in the staging folder", "", lambda at: _heap(at, f"{STAGING}/x", _touch), heap=True),
    Attack("a heap of late frames", "keeps more than", lambda at: _heap(at, "m2.1.call.json.", _touch), heap=True),
)  # fmt: skip

ROOTS_ATTACKS: Final = (
    Attack("a device", "is a device", lambda at: _device(at.response, stat.S_IFCHR, 1, 5)),
    Attack("a terminal for events", "is a device", lambda at: _device(at.events, stat.S_IFCHR, 5, 0)),
    Attack("a disk", "is a device", lambda at: _device(at.response, stat.S_IFBLK, 7, 0)),
    Attack("another user's file", "belongs to uid 12345", lambda at: _foreign(at.response)),
)
"""Those that a container cannot make, since it has no capabilities; only root can show that they would be harmless."""


def attacks() -> tuple[Attack, ...]:
    return (*ATTACKS, *ROOTS_ATTACKS) if os.geteuid() == 0 else ATTACKS


@contextmanager
def channels(root: Path) -> Iterator[Channels]:
    """Channels of a home at `root`, and the watcher that tells of them."""
    (root / "secret").write_text(SECRET)
    with closing(Watcher()) as watcher:
        watcher.start()
        made = Channels(root / "channels", watcher)
        try:
            yield made
        finally:
            made.close()


def suffer(made: Channels, root: Path, attack: Attack, files: int) -> Cost:
    """Let `attack` be made on a new channel, a few times; what it costs to hear of it."""
    times = []
    for _ in range(1 if attack.heap else REPEATS):
        channel = made.create(new_cid())
        channel.send("request", "m1", {})
        attack.plant(Place(channel.path / "out", root / "secret", files))
        times.append(_heard(channel, attack.told))
    return Cost(min(one.cpu for one in times), min(one.wall for one in times), *times[0][2:])


def _heard(channel: Channel, expected: str) -> Cost:
    heard, read = Heard(), _read_so_far()
    cpu, wall = time.thread_time(), time.monotonic()
    listen(channel, heard)
    cpu, wall = time.thread_time() - cpu, time.monotonic() - wall
    read = _read_so_far() - read
    told = heard.violation() if expected or not heard.violations.empty() else ""
    begun, began = time.thread_time(), time.monotonic()
    channel.forget("m1")
    channel.destroy()
    cpu, wall = cpu + time.thread_time() - begun, wall + time.monotonic() - began
    return Cost(cpu * 1000, wall * 1000, told, heard.frames.qsize() + heard.events.qsize(), read)


def _read_so_far() -> int:
    """Bytes that this thread has read (proc(5), rchar), a little of which is our own question."""
    fields = dict(line.split(": ") for line in Path("/proc/thread-self/io").read_text().splitlines())
    return int(fields["rchar"])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.hostile_out")
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--dir", help="on the file system that is to be tried")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="openclaw-out-", dir=given.dir) as place, channels(Path(place)) as made:
        for attack in attacks():
            cost = suffer(made, Path(place), attack, given.files)
            print(f"{attack.name:32} {cost.cpu:7.2f} ms CPU {cost.wall:9.2f} ms  {cost.told[:60]}", flush=True)
    print(f"threads: {threading.active_count()}")


if __name__ == "__main__":
    main()
