"""A hundred streams side by side through the gateway: what it adds to each event, beside the same without it."""

from __future__ import annotations

import os
import socket
from contextlib import closing
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from openclaw.bench import stream_crowd
from openclaw.bench.bench import Bench
from openclaw.bench.figure import Beside, Figure, NotMeasured, Row, Target
from openclaw.bench.model_process import ModelProcess
from openclaw.bench.ranks import median_ms, percentile_ms
from openclaw.bench.replies import check_reply

COUNT = 100
EVERY_MS = 100
"""Between two events of a stream: 1,000 events a second in all. Models send some 10 to 30 in each."""

ADDED = Target("added to an event, median", 1, "ms")


def measure(bench: Bench) -> list[Row]:
    """From the moment an event leaves the model's process to that at which one reader of all streams has it.

    Through the door of Main's container, which the reader opens in its place, and straight from the model, in turn.
    """
    count, events = bench.amount(COUNT, 20), bench.amount(50, 5)
    through: list[float] = []
    alone: list[float] = []
    with (
        ModelProcess(bench, "--stamped", f"--words={events}", f"--event-ms={EVERY_MS}") as model,
        bench.service(model.settings) as service,
        closing(service.client()) as client,
    ):
        check_reply(client.ask("warm up"), "persistent")
        doors = list(service.channels.glob("*/gw/s"))
        if len(doors) != 1:
            raise NotMeasured(f"Main's container alone was to be there, and there are {len(doors)}")
        ways = ((alone, partial(_to_model, model.url)), (through, partial(_to_door, doors[0].parent)))
        for _ in range(bench.amount(2, 1)):
            for took, connect in ways:
                took += stream_crowd.read(bench.clock, connect, count, events, EVERY_MS / 1000)
    return [_row(through, alone, count)]


def _row(through: list[float], alone: list[float], count: int) -> Row:
    beside = (
        Beside("through the gateway", median_ms(through), "ms"),
        Beside("p99", percentile_ms(through, 99), "ms"),
        Beside("without it", median_ms(alone), "ms"),
        Beside("p99", percentile_ms(alone, 99), "ms"),
    )
    of = f"{len(through):,} events in {count} streams at once, {1000 // EVERY_MS} a second in each"
    return Row(ADDED, median_ms(through) - median_ms(alone), beside, of)


def _to_model(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname or "", parts.port or 0), stream_crowd.TIMEOUT)


def _to_door(directory: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(stream_crowd.TIMEOUT)
    held = os.open(directory, os.O_PATH)
    try:
        sock.connect(f"/proc/self/fd/{held}/s")  # the path may be longer than a socket's address
    except BaseException:
        sock.close()
        raise
    finally:
        os.close(held)
    return sock


FIGURE = Figure("streams", f"{COUNT} streams of a model at once through the gateway", (ADDED,), measure)
