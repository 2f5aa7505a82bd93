"""The same over a container for each message, against what the engine alone takes to start one."""

from __future__ import annotations

from contextlib import closing

from openclaw.bench.bare_containers import BareContainers
from openclaw.bench.bench import Bench
from openclaw.bench.figure import Beside, Figure, Row, Target
from openclaw.bench.file_watch import FileWatch
from openclaw.bench.ranks import median_ms

BEYOND = Target("over docker run", 80, "ms")


def measure(bench: Bench) -> list[Row]:
    """Message and floor take turns, and each begins when the last container is gone: no removal runs in a start."""
    assert bench.engine is not None
    count = bench.amount(12, 3)
    floor = BareContainers(bench, bench.engine)
    messages, runs = [], []
    with (
        bench.service({"ENABLE_PERSISTENT_MAIN": "false"}) as service,
        closing(service.client()) as client,
        closing(FileWatch(bench.clock, service.channels)) as watch,
    ):
        for number in range(1 + count):
            runs.append(floor.seconds_to_run())
            messages.append(bench.timed(client.ask, f"message {number}"))
            watch.until(lambda: not service.open_channels())
    message, run = median_ms(messages[1:]), median_ms(runs[1:])  # the first ones only warm the caches
    beside = (Beside("message", message, "ms"), Beside("docker run -d returns after", run, "ms"))
    return [Row(BEYOND, message - run, beside, f"medians of {count}")]


FIGURE = Figure(
    "on-demand", "POST with wait to the reply, a container for each message", (BEYOND,), measure, needs_engine=True
)
