"""Bare containers: what the engine and the runner take by themselves, without a service.

They have the agent's image, and the flags and mounts of a single-use container of Main, an installation label of their
own, and are removed by whoever started them. Used by one thread; starts and removals of many run on MAX_CHANGES.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import NamedTuple

from openclaw.agents.group_config import GroupConfig
from openclaw.agents.mount_allowlist import MountAllowlist
from openclaw.agents.specs import MAIN, Specs, new_cid
from openclaw.agents.turn import Turn
from openclaw.bench.bench import Bench, Engine
from openclaw.bench.figure import NotMeasured
from openclaw.bench.file_watch import FileWatch
from openclaw.config import load
from openclaw.containers.channel import Channel, Channels
from openclaw.containers.cli import end
from openclaw.containers.docker import MAX_CHANGES, START_TIMEOUT, UNPRIVILEGED_UID, Timeouts
from openclaw.containers.docker_run import run_args
from openclaw.containers.handover import hand_over
from openclaw.message import Message, frame_name
from openclaw.spool import Watcher

_REQUEST = Turn(Message("help", "floor"), seq=0, accepted=0.0, accepted_at=0.0)


class _Bare(NamedTuple):
    """One container, and the command line that starts it."""

    name: str
    channel: Channel
    arguments: list[str]


class BareContainers:
    """Starts them in a home of their own below the bench's folder, where the service's home lies too."""

    def __init__(self, bench: Bench, engine: Engine) -> None:
        self._bench = bench
        self._engine = engine
        self._installation = f"bench-{secrets.token_hex(6)}"
        home = bench.root / "floor-home"
        config = load(bench.environ("floor-home", {}))
        self._specs = Specs(
            config, home / "channels", config_of=lambda _: GroupConfig(), allowlist=MountAllowlist(home), sandboxed=True
        )
        self._uid = os.getuid() or UNPRIVILEGED_UID
        self._channels = Channels(home / "channels", Watcher(), self._uid)
        group = home / "groups" / MAIN
        group.mkdir(parents=True)
        (home / "groups" / "global").mkdir()
        hand_over(group, self._uid)

    def seconds_to_run(self) -> float:
        """Until `docker run --detach` returns: the container runs, the runner in it may still be starting."""
        bare = self._prepare()
        try:
            return self._bench.timed(self._start, bare)
        finally:
            self._remove(bare)

    def seconds_to_begin(self) -> float:
        """From the call of `docker run --detach` until the runner has begun on a request that lay there before.

        What tells is its `started` frame, seen by inotify: so begins a fresh container of the service, too.
        """
        bare = self._prepare()
        bare.channel.send("request", _REQUEST.id, _REQUEST.request(START_TIMEOUT))
        began = frame_name("started", _REQUEST.id)
        try:
            with closing(FileWatch(self._bench.clock, bare.channel.path / "out")) as watch:
                called = self._bench.clock.monotonic()
                process = self._engine.cli.spawn(bare.arguments)
                try:
                    seconds = watch.until_seen(began)[began] - called
                    process.wait(START_TIMEOUT)
                finally:
                    end(process)
        finally:
            self._remove(bare)
        return seconds

    def seconds_to_run_many(self, count: int) -> float:
        """Until the engine has started `count` of them, at most MAX_CHANGES at once. They all run by then."""
        bares = [self._prepare() for _ in range(count)]
        try:
            return self._bench.timed(_side_by_side, self._start, bares)
        finally:
            _side_by_side(self._remove, bares)

    def seconds_to_remove_many(self, count: int) -> float:
        """Until the engine has removed `count` of them that run, at most MAX_CHANGES at once."""
        bares = [self._prepare() for _ in range(count)]
        try:
            _side_by_side(self._start, bares)
            return self._bench.timed(_side_by_side, self._end, bares)
        finally:
            _side_by_side(self._remove, bares)

    def _prepare(self) -> _Bare:
        cid = new_cid()
        spec = self._specs.dedicated(cid, MAIN, "floor")
        channel = self._channels.create(cid)
        return _Bare(
            spec.name, channel, run_args(spec, self._engine.image, self._installation, self._uid, config="bench")
        )

    def _start(self, bare: _Bare) -> None:
        output = self._engine.cli.run(bare.arguments, START_TIMEOUT)
        if output.code != 0:
            raise NotMeasured(f"docker run failed: {output.stderr[:300]}")

    def _remove(self, bare: _Bare) -> None:
        """The container, where there is one, and its channel."""
        self._end(bare)
        bare.channel.destroy()

    def _end(self, bare: _Bare) -> None:
        self._engine.cli.run(["rm", "--force", "--volumes", bare.name], Timeouts().end)


def _side_by_side(act: Callable[[_Bare], None], bares: Sequence[_Bare]) -> None:
    """Return when `act` is done with each, or has failed with one and no call of it is under way any more."""
    with ThreadPoolExecutor(MAX_CHANGES, "bare") as workers:
        for _ in workers.map(act, bares):
            pass
