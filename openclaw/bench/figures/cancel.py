"""A cancelled message: how soon the containers of its subagents are gone."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from openclaw.bench.bare_containers import BareContainers
from openclaw.bench.bench import Bench
from openclaw.bench.channel_watch import ChannelWatch
from openclaw.bench.figure import Beside, Figure, NotMeasured, Row, Target
from openclaw.bench.figures.hundred_subagents import COUNT, SLOTS
from openclaw.bench.file_watch import FileWatch
from openclaw.bench.procfs import cpu_s
from openclaw.bench.ranks import percentile
from openclaw.bench.service_process import ServiceProcess
from openclaw.bench.sessions import main_channel

TASK = "/wait 3600"

ONE = Target("one gone after", 1, "s")
MANY = Target("many gone / bare removals", 1.3, "×")


def measure(bench: Bench) -> list[Row]:
    """From the DELETE to the end of the last container's channel, which comes when its `docker rm` has returned.

    That nothing is left is then asked of the engine's list. The floor is `docker rm` alone of as many containers, with
    the image, the flags and the 8 removers that the service has; each has a runner that waits, as those of the service.
    """
    assert bench.engine is not None
    count = bench.amount(COUNT, 8)
    floor = BareContainers(bench, bench.engine)
    with bench.service(SLOTS) as service:
        main_channel(bench, service)
        ones = [_cancel(bench, service, 1) for _ in range(bench.amount(8, 2))]
        bare, many, cpu = [], [], []
        for _ in range(bench.amount(2, 1)):
            bare.append(floor.seconds_to_remove_many(count))
            before = cpu_s(service.pid)
            many.append(_cancel(bench, service, count))
            cpu.append(cpu_s(service.pid) - before)
    return _rows(ones, bare, many, cpu, count)


def _rows(
    ones: Sequence[float], bare: Sequence[float], many: Sequence[float], cpu: Sequence[float], count: int
) -> list[Row]:
    shares = [gone / floor for gone, floor in zip(many, bare, strict=True)]
    worst = max(range(len(shares)), key=shares.__getitem__)
    beside = (
        Beside("gone after", many[worst], "s"),
        Beside("bare removals", bare[worst], "s"),
        Beside("the service's own CPU, their starts included", cpu[worst], "s"),
        Beside("best", min(shares), "×"),
    )
    median = Beside("median", percentile(ones, 50), "s")
    return [
        Row(ONE, max(ones), (median,), f"slowest of {len(ones)}, a subagent each"),
        Row(MANY, shares[worst], beside, f"worst of {len(shares)} rounds, {count} subagents each"),
    ]


def _cancel(bench: Bench, service: ServiceProcess, count: int) -> float:
    """Seconds until the containers of `count` subagents, all of them at work, are gone after a cancel."""
    with closing(service.client()) as client, closing(ChannelWatch(bench.clock, service)) as begun:
        message_id = client.send(f"/spawn {count} {TASK}")
        begun.until_seen(*(f"{message_id}.s{number}.started.json" for number in range(1, count + 1)))
    with closing(service.client()) as client, closing(FileWatch(bench.clock, service.channels)) as watch:
        began = bench.clock.monotonic()
        client.cancel(message_id)
        watch.until(lambda: len(service.open_channels()) == 1)
        seconds = bench.clock.monotonic() - began
    if left := [found.name for found in service.containers() if found.role != "main"]:
        raise NotMeasured(f"the channels are gone, and {len(left)} containers are not: {left[0]}")
    return seconds


FIGURE = Figure(
    "cancel", f"a cancelled message, and one with {COUNT} subagents", (ONE, MANY), measure, needs_engine=True
)
