"""Twenty groups at once: each has a container of its own."""

from __future__ import annotations

from contextlib import closing, suppress

from openclaw.bench.bare_containers import BareContainers
from openclaw.bench.bench import Bench
from openclaw.bench.channel_watch import ChannelWatch
from openclaw.bench.drops import Drops
from openclaw.bench.figure import Beside, Figure, Row, Target
from openclaw.bench.file_watch import FileWatch
from openclaw.bench.procfs import peak_mb, rss_mb
from openclaw.bench.ranks import percentile
from openclaw.bench.replies import check_replies
from openclaw.bench.service_process import ServiceProcess
from openclaw.bench.sessions import main_channel

COUNT = 20
SECONDS = Target("all answered in", 9.5, "s")
MEMORY = Target("memory", 60, "MB")


def measure(bench: Bench) -> list[Row]:
    """One message to each group, dropped as files; from the first rename to the last reply in the outbox.

    Memory is the most that the service had in all rounds. The CLIs' is looked at in one more round, whenever a
    container comes or begins: looking takes time, too.
    """
    assert bench.engine is not None
    count, model_ms = bench.amount(COUNT, 5), bench.amount(5200, 1000)
    floor = BareContainers(bench, bench.engine)
    times, bare = [], []
    with bench.service({"OFFLINE_LATENCY": str(model_ms)}) as service:
        main_channel(bench, service)
        with closing(service.client()) as client:
            for number in range(count):
                client.put_group(f"g{number}")
        for number in range(bench.amount(3, 1)):
            bare.append(floor.seconds_to_run_many(count))
            times.append(_round(bench, service, f"r{number}", count))
        clis = _clis_mb(bench, service, count)
        memory = peak_mb(service.pid)
    beside = (
        Beside("fastest", min(times), "s"),
        Beside("bare containers started in", percentile(bare, 50), "s"),
    )
    of = f"slowest of {len(times)} rounds, {count} groups each, a model of {model_ms / 1000:g} s"
    return [
        Row(SECONDS, max(times), beside, of),
        Row(MEMORY, memory, (Beside("docker CLIs", clis, "MB"),), "the most of each, the service's Python process"),
    ]


def _round(bench: Bench, service: ServiceProcess, prefix: str, count: int) -> float:
    """Seconds until all are answered. Returns when their containers are gone, too."""
    drops = _drops(bench, prefix, count)
    replies = [f"{prefix}-{number}.json" for number in range(count)]
    with closing(FileWatch(bench.clock, service.outbox, service.channels)) as watch:
        began = bench.clock.monotonic()
        drops.move_to(service.inbox)
        seconds = max(watch.until_seen(*replies).values()) - began
        watch.until(lambda: len(service.open_channels()) == 1)
    check_replies(service.outbox, replies, "dedicated")
    return seconds


def _drops(bench: Bench, prefix: str, count: int) -> Drops:
    names = {f"{prefix}-{number}.json": f"g{number}" for number in range(count)}
    return Drops(bench.root / "aside", {name: {"text": "hello", "group": group} for name, group in names.items()})


def _clis_mb(bench: Bench, service: ServiceProcess, count: int) -> float:
    """The most that the service's children were seen to hold together until all containers had begun."""
    drops = _drops(bench, "clis", count)
    most, begun = 0.0, 0
    with closing(ChannelWatch(bench.clock, service)) as watch:
        drops.move_to(service.inbox)
        while begun < count:
            begun += sum(one.came and one.name.endswith(".started.json") for one in watch.next())
            most = max(most, _children_mb(service))
    return most


def _children_mb(service: ServiceProcess) -> float:
    following, others = service.children()
    megabytes = 0.0
    for pid in (*following, *others):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            megabytes += rss_mb(pid)
    return megabytes


FIGURE = Figure(
    "twenty-groups", f"{COUNT} groups at once, a model of 5.2 s", (SECONDS, MEMORY), measure, needs_engine=True
)
