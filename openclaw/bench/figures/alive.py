"""What a service costs while a hundred containers are alive together, and what is left of them afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from typing import NamedTuple

from openclaw.bench.bench import Bench
from openclaw.bench.channel_watch import ChannelWatch
from openclaw.bench.drops import Drops
from openclaw.bench.figure import Beside, Figure, Row, Target
from openclaw.bench.file_watch import FileWatch
from openclaw.bench.procfs import lasting, peak_mb, rss_mb
from openclaw.bench.replies import check_replies
from openclaw.bench.service_process import ServiceProcess
from openclaw.bench.sessions import main_channel
from openclaw.containers.runtime import Found

COUNT = 100
GROUP = "crowd"
PASSING = 3.0
"""Seconds that a call of the engine's CLI, such as a health check's `docker ps`, may take to be over."""

ALIVE = Target("alive together", 100, "%", at_least=True)
MEMORY = Target("memory", 90, "MB")
CHILDREN = Target("children beyond docker events", 0, "processes")
CONTAINERS = Target("left behind", 0, "containers")
CHANNELS = Target("channels left behind", 0, "folders")


class Looked(NamedTuple):
    """What was seen of a service: containers that serve somebody, MB of memory, and processes that stay with it."""

    alive: int
    before_mb: float
    memory_mb: float
    peak_mb: float
    events_mb: list[float]
    others: int


def measure(bench: Bench) -> list[Row]:
    """As many messages to a group, each in a session of its own, hence in a container of its own.

    It is looked at when the last one's runner has begun, at what is left when the service has stopped. Where the
    engine takes longer for the starts than the model does, the first ones are not alive any more.
    """
    count, model = bench.amount(COUNT, 8), bench.amount(30, 5)
    names = [f"alive-{number}.json" for number in range(count)]
    messages = {name: {"text": "hello", "group": GROUP, "session": f"s{n}"} for n, name in enumerate(names)}
    drops = Drops(bench.root / "aside", messages)
    with bench.service({"OFFLINE_LATENCY": str(model * 1000)}) as service:
        main_channel(bench, service)
        with closing(service.client()) as client:
            client.put_group(GROUP)
        before = rss_mb(service.pid)
        with closing(FileWatch(bench.clock, service.outbox)) as replies:
            with closing(ChannelWatch(bench.clock, service)) as watch:
                drops.move_to(service.inbox)
                watch.until_seen(*(name.replace(".json", ".started.json") for name in names))
            looked = _look(service, before)
            replies.until(lambda: all((service.outbox / name).exists() for name in names))
        check_replies(service.outbox, names, "dedicated")
    channels = sum(1 for _ in service.channels.iterdir())
    return _rows(looked, len(service.left), channels, count, model)


def _look(service: ServiceProcess, before: float) -> Looked:
    memory, peak = rss_mb(service.pid), peak_mb(service.pid)
    alive = serving(service.containers())
    following, others = service.children()
    staying = lasting(others, PASSING)
    return Looked(alive, before, memory, peak, [rss_mb(pid) for pid in following], len(staying))


def serving(containers: Iterable[Found]) -> int:
    """How many run that are not Main's own."""
    return sum(one.running and one.role != "main" for one in containers)


def _rows(looked: Looked, containers: int, channels: int, count: int, model: int) -> list[Row]:
    events = [Beside("docker events", number, "MB") for number in looked.events_mb]
    memory = (Beside("before", looked.before_mb, "MB"), Beside("peak", looked.peak_mb, "MB"), *events)
    return [
        Row(ALIVE, 100 * looked.alive / count, (), f"of {count} containers, a model of {model} s"),
        Row(MEMORY, looked.memory_mb, memory, "the service's Python process"),
        Row(CHILDREN, looked.others, (), f"those that stay longer than {PASSING:g} s"),
        Row(CONTAINERS, containers, (), "after the stop"),
        Row(CHANNELS, channels, (), "after the stop"),
    ]


FIGURE = Figure(
    "alive",
    f"a service with {COUNT} containers alive together",
    (ALIVE, MEMORY, CHILDREN, CONTAINERS, CHANNELS),
    measure,
    needs_engine=True,
)
