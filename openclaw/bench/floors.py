"""Floors: what the machine itself takes for the parts of a message's way that nobody can leave out."""

from __future__ import annotations

import itertools
import os
import secrets
import subprocess
import sys
from contextlib import closing

from openclaw.agents.group_config import GroupConfig
from openclaw.agents.mount_allowlist import MountAllowlist
from openclaw.agents.specs import Specs, new_cid
from openclaw.bench.bench import Bench, Engine
from openclaw.bench.figure import NotMeasured
from openclaw.bench.procfs import rss_mb
from openclaw.bench.ranks import median_ms
from openclaw.config import load
from openclaw.containers.channel import Channels
from openclaw.containers.docker import START_TIMEOUT, UNPRIVILEGED_UID
from openclaw.containers.docker_run import run_args
from openclaw.containers.handover import hand_over
from openclaw.spool import Committer, DropDir, Watcher

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


class DockerRun:
    """`docker run --detach` of the agent's image, with the flags and mounts of a dedicated container of Main."""

    def __init__(self, bench: Bench, engine: Engine) -> None:
        self._bench = bench
        self._engine = engine
        home = bench.root / "floor-home"
        config = load(bench.environ("floor-home", {}))
        self._specs = Specs(
            config, home / "channels", config_of=lambda _: GroupConfig(), allowlist=MountAllowlist(home), sandboxed=True
        )
        self._uid = os.getuid() or UNPRIVILEGED_UID
        self._channels = Channels(home / "channels", Watcher(), self._uid)
        self._group = home / "groups" / "main"
        self._group.mkdir(parents=True)
        (home / "groups" / "global").mkdir()
        hand_over(self._group, self._uid)

    def seconds(self) -> float:
        """Time until the engine says that the container runs; the runner in it may still be starting. Removes it."""
        cid = new_cid()
        spec = self._specs.dedicated(cid, "main", "floor")
        channel = self._channels.create(cid)
        arguments = run_args(spec, self._engine.image, f"bench-{secrets.token_hex(6)}", self._uid, "bench")
        began = self._bench.clock.monotonic()
        try:
            output = self._engine.cli.run(arguments, START_TIMEOUT)
            took = self._bench.clock.monotonic() - began
        finally:
            self._engine.cli.run(["rm", "--force", "--volumes", spec.name], START_TIMEOUT)
            channel.destroy()
        if output.code != 0:
            raise NotMeasured(f"docker run failed: {output.stderr[:300]}")
        return took
