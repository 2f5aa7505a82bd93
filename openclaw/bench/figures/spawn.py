"""A subagent: from the moment at which the call is written to the one at which the subagent's runner has begun."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial

from openclaw.bench.bare_containers import BareContainers
from openclaw.bench.bench import Bench
from openclaw.bench.channel_watch import ChannelWatch
from openclaw.bench.client import Client
from openclaw.bench.figure import Beside, Figure, NotMeasured, Row, Target
from openclaw.bench.floors import DurableWrites
from openclaw.bench.ranks import median_ms, percentile_ms
from openclaw.bench.sessions import main_channel

STANDBY = 2
"""Containers that stand by, as in a new installation."""

WARM = Target("standby median", 10, "ms")
BEYOND = Target("fresh over a bare container", 60, "ms")


def measure(bench: Bench) -> list[Row]:
    """Both moments are files: the call in Main's channel, the `started` frame in the subagent's, seen by inotify.

    One task at a time: each begins when the last container is gone and, with standby, its successor is warm. A bare
    container is timed from its `docker run` to the same frame, to a request that lay in its channel before.
    """
    warm, writes = _on_standby(bench)
    fresh, bare = _fresh(bench)
    return _rows(warm, fresh, bare, writes)


def _rows(warm: list[float], fresh: list[float], bare: list[float], writes: DurableWrites) -> list[Row]:
    fresh_ms, bare_ms = median_ms(fresh), median_ms(bare)
    beside = (Beside("p90", percentile_ms(warm, 90), "ms"), Beside("durable write alone", writes.median_ms, "ms"))
    alone = (Beside("fresh", fresh_ms, "ms"), Beside("bare", bare_ms, "ms"))
    return [
        Row(WARM, median_ms(warm), beside, f"{len(warm)} tasks, one after another"),
        Row(BEYOND, fresh_ms - bare_ms, alone, f"medians of {len(fresh)}, in turn"),
    ]


def _on_standby(bench: Bench) -> tuple[list[float], DurableWrites]:
    count = bench.amount(40, 4)
    writes = DurableWrites(bench)
    times = []
    with _service(bench, STANDBY) as (client, watch):
        for _ in range(1 + count):
            watch.until_at_rest(client, STANDBY)
            times.append(_spawn(client, watch))
            writes.one()
    return told_apart(times[1:]), writes


def _fresh(bench: Bench) -> tuple[list[float], list[float]]:
    assert bench.engine is not None
    count = bench.amount(12, 3)
    floor = BareContainers(bench, bench.engine)
    floor.seconds_to_run()  # an engine that starts none says here why
    fresh: list[float] = []
    bare: list[float] = []
    with _service(bench, 0) as (client, watch):
        arms: list[tuple[list[float], Callable[[], float]]]
        arms = [(bare, floor.seconds_to_begin), (fresh, partial(_spawn, client, watch))]
        for number in range(1 + count):
            for times, timed in arms if number % 2 else reversed(arms):
                watch.until_at_rest(client, 0)
                times.append(timed())
    return fresh[1:], bare[1:]  # the first ones only warm the caches


@contextmanager
def _service(bench: Bench, standby: int) -> Iterator[tuple[Client, ChannelWatch]]:
    """A service that keeps so many containers warm; Main's container was seen to be of use."""
    with (
        bench.service({"SUBAGENT_STANDBY": str(standby)}, home=f"standby-{standby}") as service,
        closing(service.client()) as client,
    ):
        main_channel(bench, service)
        with closing(ChannelWatch(bench.clock, service)) as watch:
            client.ask("warm up")
            yield client, watch


def _spawn(client: Client, watch: ChannelWatch) -> float:
    """Seconds from the call to the beginning of one subagent."""
    message_id = client.send("/spawn help")
    call, begun = f"{message_id}.1.call.json", f"{message_id}.s1.started.json"
    at = watch.until_seen(call, begun)
    return at[begun] - at[call]


def told_apart(times: Sequence[float]) -> list[float]:
    """Without the tasks whose two files were seen in one look, as if no time had passed between them.

    Raises NotMeasured where less than half is left.
    """
    apart = [seconds for seconds in times if seconds > 0]
    if 2 * len(apart) < len(times):
        raise NotMeasured("this machine is too busy to see a call before what comes of it")
    return apart


FIGURE = Figure(
    "spawn", "a subagent, from its call to the beginning of its turn", (WARM, BEYOND), measure, needs_engine=True
)
