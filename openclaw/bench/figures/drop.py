"""A dropped file: from the drop to the moment at which the runner has begun on it."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

from openclaw.bench.bench import Bench
from openclaw.bench.figure import Beside, Figure, Row, Target
from openclaw.bench.file_watch import FileWatch
from openclaw.bench.floors import DurableWrites
from openclaw.bench.ranks import median_ms, percentile_ms

WARM_UP = 20
MEDIAN = Target("median", 3, "ms")


def measure(bench: Bench) -> list[Row]:
    """The runner's `started` frame is seen here by inotify, as the service sees it. Files come by mv and by echo."""
    count = bench.amount(200, 20)
    writes = DurableWrites(bench)
    moved: list[float] = []
    written: list[float] = []
    with bench.service() as service, closing(service.client()) as client:
        for number in range(WARM_UP):
            client.ask(f"warm up {number}")
        (channel,) = service.open_channels()
        with closing(FileWatch(bench.clock, channel / "in", channel / "out", service.outbox)) as watch:
            for number in range(count):
                moved.append(_begun(bench, watch, f"m{number}", _move(bench, service.inbox, f"m{number}")))
                written.append(_begun(bench, watch, f"w{number}", _write(bench, service.inbox, f"w{number}")))
                writes.one()
    beside = (
        Beside("p99", percentile_ms(moved, 99), "ms"),
        Beside("written in place", median_ms(written), "ms"),
        Beside("durable write alone", writes.median_ms, "ms"),
    )
    return [Row(MEDIAN, median_ms(moved), beside, f"{count} files, one after another")]


def _move(bench: Bench, inbox: Path, name: str) -> float:
    """Drop a finished file; the monotonic time just before."""
    aside = bench.root / f"{name}.json"
    aside.write_text('{"text":"dropped"}')
    at = bench.clock.monotonic()
    os.rename(aside, inbox / aside.name)
    return at


def _write(bench: Bench, inbox: Path, name: str) -> float:
    """Drop a file as a shell does; the monotonic time just before it is complete."""
    with open(inbox / f"{name}.json", "w") as file:
        file.write('{"text":"dropped"}')
        file.flush()
        return bench.clock.monotonic()


def _begun(bench: Bench, watch: FileWatch, message_id: str, dropped: float) -> float:
    """Seconds until the runner had begun.

    Returns when the reply is out and the request has left the channel, its turn's last act: the next one finds all at
    rest.
    """
    started = f"{message_id}.started.json"
    seen = watch.until_seen(started, f"{message_id}.json", gone=f"{message_id}.request.json")
    return seen[started] - dropped


FIGURE = Figure("drop", "a file dropped until the runner has begun on it", (MEDIAN,), measure)
