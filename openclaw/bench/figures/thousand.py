"""A thousand files dropped at once for one session: all answered, in order, none twice."""

from __future__ import annotations

import json
from contextlib import closing
from itertools import zip_longest
from pathlib import Path

from openclaw.bench.bench import Bench
from openclaw.bench.drops import Drops
from openclaw.bench.figure import Beside, Figure, Row, Target
from openclaw.bench.file_watch import FileWatch, Seen
from openclaw.bench.floors import DurableWrites
from openclaw.bench.ranks import percentile
from openclaw.bench.service_process import ServiceProcess

WARM_UP = 20
SECONDS = Target("all answered in", 3, "s")
WRONG = Target("wrong", 0, "replies")


def measure(bench: Bench) -> list[Row]:
    """Messages are accepted in the order in which they appear in work/, and answered as they appear in outbox/.

    The floor is the disk's part alone: as many files made durable in groups, once accepted and once answered.
    """
    count = bench.amount(1000, 100)
    rounds = bench.amount(3, 1)
    writes = DurableWrites(bench)
    times: list[float] = []
    floors: list[float] = []
    wrong = 0
    with bench.service() as service, closing(service.client()) as client:
        for number in range(WARM_UP):
            client.ask(f"warm up {number}")
        for number in range(rounds):
            seconds, amiss = _round(bench, service, f"r{number}-", count)
            times.append(seconds)
            wrong += amiss
            floors.append(writes.group(2 * count))
    beside = (
        Beside("fastest", min(times), "s"),
        Beside(f"{2 * count:,} durable writes in groups", percentile(floors, 50), "s"),
    )
    return [
        Row(SECONDS, max(times), beside, f"slowest of {rounds} rounds, {count:,} files each"),
        Row(WRONG, wrong, (), "lost, twice, mixed up or out of order"),
    ]


def _round(bench: Bench, service: ServiceProcess, prefix: str, count: int) -> tuple[float, int]:
    """Seconds from the first rename to the last reply, and how many messages did not fare as they should."""
    names = [f"{prefix}{number:04d}.json" for number in range(count)]
    drops = Drops(bench.root / "aside", {name: {"text": f"this is {name}"} for name in names})
    with closing(FileWatch(bench.clock, service.work, service.outbox)) as watch:
        began = bench.clock.monotonic()
        drops.move_to(service.inbox)
        seen: list[Seen] = []
        replies = 0
        while replies < count:
            fresh = watch.next()
            replies += sum(one.directory == service.outbox for one in fresh)
            seen += fresh
        seconds = seen[-1].at - began
    accepted = [one.name for one in seen if one.directory == service.work and one.came]
    answered = [one.name for one in seen if one.directory == service.outbox and one.came]
    return seconds, faults(names, accepted, answered) + _mixed_up(service.outbox, names)


def faults(dropped: list[str], accepted: list[str], answered: list[str]) -> int:
    """How many replies are lost, come twice, or do not come in the order of acceptance. All in order of appearance."""
    lost = len(set(dropped) - set(answered))
    twice = len(answered) - len(set(answered))
    out_of_order: int = sum(one != other for one, other in zip_longest(accepted, answered))
    return lost + twice + out_of_order


def _mixed_up(outbox: Path, names: list[str]) -> int:
    """How many replies are not to their own message."""
    return sum(not _answers(outbox / name) for name in names)


def _answers(path: Path) -> bool:
    """Whether the reply at `path` is there and repeats what was in the file of that name."""
    try:
        reply = json.loads(path.read_bytes())
    except FileNotFoundError:
        return False
    return reply["status"] == "done" and f"this is {path.name}\n" in reply["text"]


FIGURE = Figure("thousand", "1,000 files dropped at once, one session", (SECONDS, WRONG), measure)
