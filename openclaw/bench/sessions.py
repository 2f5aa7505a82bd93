"""A session that is occupied: a service accepts what comes for it, and no agent has anything to do."""

from __future__ import annotations

from contextlib import closing
from typing import Final

from openclaw.bench.bench import Bench
from openclaw.bench.client import Client
from openclaw.bench.file_watch import FileWatch
from openclaw.bench.service_process import ServiceProcess

AT_REST: Final = {"OFFLINE_LATENCY": "3600000", "QUEUE_LIMIT": "1000000", "DRAIN_TIMEOUT": "0"}
"""Settings of such a service: turns take an hour, there is room for what waits, and a stop waits for nothing."""


def occupy(bench: Bench, service: ServiceProcess, client: Client) -> None:
    """Send one message to the session "default" and return when the runner has begun on it, for an hour."""
    with closing(FileWatch(bench.clock, service.channels)) as watch:
        client.send("work on this for an hour")
        watch.until(lambda: bool(service.open_channels()))
        (channel,) = service.open_channels()
        watch.add(channel / "out")
        watch.until(lambda: any((channel / "out").glob("*.started.json")))
