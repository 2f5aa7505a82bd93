"""What a report says about the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from openclaw.bench.bench import Bench
from openclaw.bench.machine import describe, file_system

MOUNTS = """\
22 1 254:0 / / rw,relatime - btrfs /dev/vda rw
30 22 0:26 / /tmp rw - tmpfs tmpfs rw
31 22 0:27 / /home/a\\040b rw shared:1 master:2 - xfs /dev/vdb rw
32 22 0:28 / /mnt rw - xfs /dev/vdc rw
33 22 0:29 / /mnt rw - nfs4 server:/export rw
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/srv/home", "btrfs"),
        ("/tmp/home", "tmpfs"),
        ("/tmpfs-is-not-here", "btrfs"),
        ("/home/a b/c", "xfs"),
        ("/mnt/x", "nfs4"),
    ],
)
def test_the_file_system_is_the_one_of_the_innermost_mount(path: str, expected: str) -> None:
    assert file_system(Path(path), MOUNTS) == expected


def test_a_report_says_where_it_was_taken(bench: Bench) -> None:
    machine = describe(bench)
    assert machine.cpus >= 1
    assert machine.cpu
    assert machine.kernel.startswith("Linux ")
    assert machine.file_system != "unknown"
    assert machine.runtime.startswith("process")
