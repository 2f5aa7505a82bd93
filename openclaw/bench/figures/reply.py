"""A message in, its reply out: one caller on one kept connection, Main's persistent agent."""

from __future__ import annotations

from contextlib import closing

from openclaw.bench.bench import Bench
from openclaw.bench.figure import Beside, Figure, Row, Target
from openclaw.bench.floors import DurableWrites
from openclaw.bench.ranks import percentile_ms

WARM_UP = 20
P50 = Target("p50", 5, "ms")
P99 = Target("p99", 25, "ms")


def measure(bench: Bench) -> list[Row]:
    """The whole durable protocol is in it: two files are synced for each message, its own and its reply's."""
    count = bench.amount(500, 50)
    writes = DurableWrites(bench)
    times: list[float] = []
    with bench.service() as service, closing(service.client()) as client:
        for number in range(WARM_UP):
            client.ask(f"warm up {number}")
        for number in range(count):
            times.append(bench.timed(client.ask, f"message {number}"))
            writes.one()
    floor = Beside("two durable writes alone", 2 * writes.median_ms, "ms")
    of = f"{count} messages, one after another"
    return [Row(P50, percentile_ms(times, 50), (floor,), of), Row(P99, percentile_ms(times, 99))]


FIGURE = Figure("reply", "POST with wait to the reply, persistent container", (P50, P99), measure)
