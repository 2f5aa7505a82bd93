"""Everybody at once: as many new connections at the same moment, each with one message."""

from __future__ import annotations

from contextlib import closing

from openclaw.bench.bench import Bench
from openclaw.bench.client import crowd
from openclaw.bench.figure import Beside, Figure, Row, Target
from openclaw.bench.ranks import percentile_ms
from openclaw.bench.service_process import ServiceProcess
from openclaw.bench.sessions import AT_REST, occupy

CALLERS = 100
P99 = Target("p99", 150, "ms")


def measure(bench: Bench) -> list[Row]:
    """From the moment all are let go to each one's 202, the callers' own threads included; the agent is at rest.

    The floor is the same crowd that only asks for /healthz: connections, threads and HTTP, and no message.
    """
    rounds = bench.amount(20, 3)
    posts: list[float] = []
    looks: list[float] = []
    with bench.service(AT_REST) as service, closing(service.client()) as client:
        occupy(bench, service, client)
        for _ in range(1 + rounds):
            posts += _burst(bench, service, post=True)
            looks += _burst(bench, service, post=False)
    posts, looks = posts[CALLERS:], looks[CALLERS:]  # without the first round
    beside = (
        Beside("p50", percentile_ms(posts, 50), "ms"),
        Beside("p99 of GET /healthz", percentile_ms(looks, 99), "ms"),
    )
    return [Row(P99, percentile_ms(posts, 99), beside, f"{rounds} rounds")]


def _burst(bench: Bench, service: ServiceProcess, *, post: bool) -> list[float]:
    times: list[float] = []

    def caller(let_go: float) -> None:
        with closing(service.client()) as client:
            if post:
                client.send("one of many")
            else:
                client.get("/healthz")
            times.append(bench.clock.monotonic() - let_go)

    crowd(bench.clock, [caller] * CALLERS)
    return times


FIGURE = Figure("burst", f"{CALLERS} POSTs at once over new connections", (P99,), measure)
