"""A hundred subagents at once, against what the engine takes to start as many containers."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from openclaw.bench.bare_containers import BareContainers
from openclaw.bench.bench import Bench
from openclaw.bench.figure import Beside, Figure, Row, Target
from openclaw.bench.file_watch import FileWatch
from openclaw.bench.procfs import cpu_s
from openclaw.bench.replies import check_replies
from openclaw.bench.service_process import ServiceProcess
from openclaw.bench.sessions import main_channel

COUNT = 100
SLOTS: Final = {"MAX_CONCURRENT_CONTAINERS": "112", "MAX_SUBAGENTS": str(COUNT)}
"""Room for all of them: a tenth of the slots is never given to subagents."""

SHARE = Target("answered / (bare starts + model)", 1.35, "×")


class Round(NamedTuple):
    """Seconds: from the first call to the last reply, of the service's CPU, and for the starts by the engine alone."""

    answered: float
    cpu: float
    bare: float

    def share(self, model: float) -> float:
        return self.answered / (self.bare + model)


def measure(bench: Bench) -> list[Row]:
    """One message asks for all of them, and the clock runs from the first of its calls.

    So neither the model's time in Main's turn is in it, nor the turns and replies of as many messages. None stands by.
    The floor is `docker run` alone, with the image, the flags and the 8 starters that the service has.
    """
    assert bench.engine is not None
    count, model_ms = bench.amount(COUNT, 8), bench.amount(5200, 1000)
    floor = BareContainers(bench, bench.engine)
    rounds = []
    with bench.service({"OFFLINE_LATENCY": str(model_ms), **SLOTS}) as service:
        main = main_channel(bench, service)
        for _ in range(bench.amount(2, 1)):
            bare = floor.seconds_to_run_many(count)
            before = cpu_s(service.pid)
            answered = _answered(bench, service, main, count)
            rounds.append(Round(answered, cpu_s(service.pid) - before, bare))
    return _rows(rounds, count, model_ms / 1000)


def _rows(rounds: list[Round], count: int, model: float) -> list[Row]:
    slowest = max(rounds, key=lambda one: one.share(model))
    beside = (
        Beside("answered in", slowest.answered, "s"),
        Beside("bare containers started in", slowest.bare, "s"),
        Beside("the service's own CPU", slowest.cpu, "s"),
        Beside("fastest", min(one.share(model) for one in rounds), "×"),
    )
    of = f"slowest of {len(rounds)} rounds, {count} subagents each, a model of {model:g} s"
    return [Row(SHARE, slowest.share(model), beside, of)]


def _answered(bench: Bench, service: ServiceProcess, main: Path, count: int) -> float:
    """Seconds from the first call to the last reply. Returns when their containers are gone, too."""
    with closing(FileWatch(bench.clock, main / "out", service.outbox, service.channels)) as watch:
        with closing(service.client()) as client:
            message_id = client.send(f"/spawn {count} what is 6 * 7?")
        call = f"{message_id}.1.call.json"
        replies = [f"{message_id}.s{number}.json" for number in range(1, count + 1)]
        at = watch.until_seen(call, *replies)
        watch.until(lambda: service.open_channels() == [main])
    check_replies(service.outbox, replies, "subagent")
    return max(at[name] for name in replies) - at[call]


FIGURE = Figure(
    "hundred-subagents", f"{COUNT} subagents at once, a model of 5.2 s", (SHARE,), measure, needs_engine=True
)
