"""Claims: a dropped file, taken out of everybody's reach before it is believed.

To claim a file is to rename it to a hidden name in a directory of our own on the same file system, so that one taker
has it and a restart finds it. The file's own name stays part of the claim's. No state; any thread.
"""

from __future__ import annotations

import itertools
import os
import time
from typing import NamedTuple

from openclaw.spool.dropdir import DropDir
from openclaw.spool.syscalls import rename_new
from openclaw.spool.taking import Taken

CLAIM_PREFIX = ".claim."

NAME_MAX = 255
"""Bytes that a file name may have, NAME_MAX of <limits.h>."""

_run = f"{time.time_ns():x}"  # tells this process's claims from those that an earlier one left
_sequence = itertools.count()


class Claim(NamedTuple):
    """A claimed file: its hidden name in the work directory, and the one under which it was dropped."""

    name: str
    original: str


def claim(inbox: DropDir, name: str, work: DropDir) -> Claim:
    """Take the file called `name`. Raises FileNotFoundError where it is gone.

    A name that leaves no room for the claim's own part is shortened; `original` is then the shorter one.
    """
    prefix = f"{CLAIM_PREFIX}{_run}-{next(_sequence)}."
    original = shortened(name, NAME_MAX - len(prefix))
    rename_new(name, prefix + original, src_dir_fd=inbox.fd, dst_dir_fd=work.fd)
    return Claim(prefix + original, original)


def claims(work: DropDir) -> list[Claim]:
    """The claims that were neither dropped nor put back, ordered by the (mtime, original name) of their files."""
    found = []
    for hidden in work.hidden_names(CLAIM_PREFIX):
        _, _, original = hidden.removeprefix(CLAIM_PREFIX).partition(".")
        try:
            found.append((work.origin(hidden).mtime_ns, original, Claim(hidden, original)))
        except FileNotFoundError:
            continue  # gone since
    found.sort()
    return [each for _, _, each in found]


def read_claim(work: DropDir, taken: Claim, limit: int) -> Taken:
    """Copy the claimed file's content; its origin bears the original name. Raises as `DropDir.read` does."""
    data, origin = work.read(taken.name, limit)
    return Taken(data, origin._replace(name=taken.original))


def put_back(work: DropDir, taken: Claim, inbox: DropDir) -> None:
    """Give the file back under its original name. Raises FileExistsError where another one has that by now."""
    rename_new(taken.name, taken.original, src_dir_fd=work.fd, dst_dir_fd=inbox.fd)


def drop_claim(work: DropDir, taken: Claim) -> bool:
    """Remove the claimed file: what it asked for is durable. False where it is gone already."""
    return work.remove(taken.name)


def shortened(name: str, room: int) -> str:
    """`name` in at most `room` bytes: the end of the stem goes, the suffix stays."""
    if len(os.fsencode(name)) <= room:
        return name
    stem, suffix = os.path.splitext(name)
    kept = os.fsencode(stem)[: room - len(os.fsencode(suffix))]
    return kept.decode("utf-8", "ignore") + suffix
