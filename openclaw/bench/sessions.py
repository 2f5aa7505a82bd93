"""Main's container: the channel to it, and a session that is occupied, so that no agent has anything to do."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Final

from openclaw.bench.bench import Bench
from openclaw.bench.client import Client
from openclaw.bench.file_watch import FileWatch
from openclaw.bench.service_process import ServiceProcess

AT_REST: Final = {"OFFLINE_LATENCY": "3600000", "QUEUE_LIMIT": "1000000", "DRAIN_TIMEOUT": "0"}
"""Settings of such a service: turns take an hour, there is room for what waits, and a stop waits for nothing."""


def occupy(bench: Bench, service: ServiceProcess, client: Client) -> None:
    """Send one message to the session "default" and return when the runner has begun on it, for an hour."""
    client.send("work on this for an hour")
    out = main_channel(bench, service) / "out"
    with closing(FileWatch(bench.clock, out)) as watch:
        watch.until(lambda: any(out.glob("*.started.json")))


def main_channel(bench: Bench, service: ServiceProcess) -> Path:
    """The channel of Main's container, as soon as it is there. It is the first one; it may not have begun to serve."""
    with closing(FileWatch(bench.clock, service.channels)) as watch:
        watch.until(lambda: bool(service.open_channels()))
        return min(service.open_channels(), key=lambda channel: channel.stat().st_mtime_ns)
