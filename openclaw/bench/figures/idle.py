"""What a service costs that nobody speaks to."""

from __future__ import annotations

import threading
from contextlib import closing

from openclaw.bench.bench import Bench
from openclaw.bench.figure import Beside, Figure, Row, Target
from openclaw.bench.floors import idle_python_mb
from openclaw.bench.procfs import Spent, rss_mb, spent_since, threads

WARM_UP = 20
SETTLE = 2.0
"""Seconds for connections and start-up work to end."""

WAKEUPS = Target("wake-ups", 0.5, "/s")
CPU = Target("CPU", 0.02, "s/min")
MEMORY = Target("memory", 45, "MB")


def measure(bench: Bench) -> list[Row]:
    """The Python process is judged; its child `docker events`, which tells it of exits, is shown beside.

    In it are the health checks of the container, which come every PERSISTENT_HEALTH_CHECK_INTERVAL.
    """
    seconds = bench.amount(60, 10)
    never = threading.Event()
    with bench.service() as service:
        with closing(service.client()) as client:
            for number in range(WARM_UP):
                client.ask(f"warm up {number}")
        never.wait(SETTLE)
        following, _ = service.children()
        watched = [service.pid, *following]
        before = [threads(pid) for pid in watched]
        never.wait(seconds)
        spent = [spent_since(then, threads(pid)) for then, pid in zip(before, watched, strict=True)]
        memory = [rss_mb(pid) for pid in watched]
    return _rows(spent, memory, seconds, idle_python_mb())


def _rows(spent: list[Spent], memory: list[float], seconds: int, python_mb: float) -> list[Row]:
    wakeups = [one.wakeups / seconds for one in spent]
    cpu = [one.cpu_s * 60 / seconds for one in spent]

    def beside(numbers: list[float], unit: str) -> list[Beside]:
        return [Beside("docker events", number, unit) for number in numbers[1:]]

    return [
        Row(WAKEUPS, wakeups[0], beside(wakeups, "/s"), f"{seconds} s, all threads"),
        Row(CPU, cpu[0], beside(cpu, "s/min")),
        Row(MEMORY, memory[0], [*beside(memory, "MB"), Beside("Python alone", python_mb, "MB")]),
    ]


FIGURE = Figure("idle", "a service that nobody speaks to", (WAKEUPS, CPU, MEMORY), measure)
