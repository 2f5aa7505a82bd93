"""What stands beside a figure is really done, in the place where the service does it."""

from __future__ import annotations

import os

from openclaw.bench.bench import Bench
from openclaw.bench.floors import RECORD, DurableWrites, idle_python_mb
from openclaw.bench.procfs import rss_mb


def test_durable_writes_leave_their_files_on_the_disk_of_the_homes(bench: Bench) -> None:
    writes = DurableWrites(bench)
    writes.one()
    writes.one()
    assert writes.group(5) > 0
    assert writes.median_ms > 0
    written = list((bench.root / "floor").iterdir())
    assert len(written) == 7
    assert all(path.read_bytes() == RECORD for path in written)


def test_a_python_that_only_waits_is_smaller_than_this_one() -> None:
    assert 1 < idle_python_mb() < rss_mb(os.getpid())
