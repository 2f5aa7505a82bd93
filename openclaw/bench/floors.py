"""Floors: what the machine itself takes for the parts of a message's way that nobody can leave out.

Those of the engine are in `bare_containers`.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from contextlib import closing

from openclaw.bench.bench import Bench
from openclaw.bench.procfs import rss_mb
from openclaw.bench.ranks import median_ms
from openclaw.spool import Committer, DropDir

WRITE_TIMEOUT = 60.0

RECORD = b'{"text":"' + b"x" * 240 + b'"}\n'
"""About as long as a reply of the offline engine."""


class DurableWrites:
    """Files made durable in the same place as the service's. Taken in turn with what is measured: disks have moods."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._directory = DropDir(bench.root / "floor")
        self._names = (f"{number}.json" for number in itertools.count())
        self._seconds: list[float] = []

    def one(self) -> None:
        """Write, fsync, rename, fsync of the directory."""
        self._seconds.append(self._bench.timed(self._write, next(self._names)))

    @property
    def median_ms(self) -> float:
        """Of `one`."""
        return median_ms(self._seconds)

    def group(self, count: int) -> float:
        """Seconds for `count` files at once, which share their commits as those of the service do."""
        with closing(Committer()) as committer:
            committer.start()
            return self._bench.timed(self._publish, committer, count)

    def _write(self, name: str) -> None:
        staged = self._directory.stage(RECORD)
        os.fsync(staged.fd)
        os.close(staged.fd)
        self._directory.reveal(staged.name, name, replace=False)
        self._directory.sync_entries()

    def _publish(self, committer: Committer, count: int) -> None:
        stored = [committer.publish(self._directory, next(self._names), RECORD) for _ in range(count)]
        for done in stored:
            done.result(WRITE_TIMEOUT)


def idle_python_mb() -> float:
    """Resident memory of a Python that has imported nothing and waits."""
    command = [sys.executable, "-c", "print(flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as python:
        assert python.stdout is not None
        python.stdout.readline()
        megabytes = rss_mb(python.pid)
        python.communicate(b"\n", timeout=30)
    return megabytes
