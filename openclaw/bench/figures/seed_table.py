"""The hybrid's own table, "Response timing - prepTime, agentTime, totalTime", ours beside its lines.

The hybrid's numbers are those that its description gives: with its persistent container, and in traditional mode.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import Final, NamedTuple

from openclaw.bench.bare_containers import BareContainers
from openclaw.bench.bench import Bench
from openclaw.bench.client import Client
from openclaw.bench.figure import Beside, Figure, Row, Target
from openclaw.bench.file_watch import FileWatch
from openclaw.bench.model_process import ModelProcess
from openclaw.bench.ranks import median_ms
from openclaw.bench.replies import check_reply

PERSISTENT = Target("persistent totalTime", 5.23, "s")
ON_DEMAND = Target("on-demand totalTime", 5.6, "s")


class Line(NamedTuple):
    """One line of the table, in milliseconds."""

    prep: float
    agent: float
    total: float

    def beside(self, whose: str) -> list[Beside]:
        """As it is shown beside a number."""
        names = ("prepTime", "agentTime", "totalTime")
        return [Beside(f"{whose} {name}", part, "ms") for name, part in zip(names, self, strict=True)]


HYBRID: Final = {PERSISTENT: Line(50, 5200, 6100), ON_DEMAND: Line(2100, 7800, 10_200)}


class Answered(NamedTuple):
    """One message: seconds by the caller's clock, and the line that the service says of it."""

    seconds: float
    line: Line


def measure(bench: Bench) -> list[Row]:
    """The total is the caller's, from its message to the reply; the service's own three are shown beside it.

    The floor of a container for each message is what `docker run -d` alone takes, in turn with them.
    """
    assert bench.engine is not None
    count, model_ms = bench.amount(5, 1), bench.amount(5200, 1000)
    floor = BareContainers(bench, bench.engine)
    runs: list[float] = []
    with ModelProcess(bench, f"--latency-ms={model_ms}") as model:
        settings = dict(model.settings)
        with bench.service(settings, home="persistent") as service, closing(service.client()) as client:
            persistent = [_ask(bench, client, number, "persistent") for number in range(1 + count)]
        on_demand = []
        with ExitStack() as stack:
            service = stack.enter_context(
                bench.service({**settings, "ENABLE_PERSISTENT_MAIN": "false"}, home="on-demand")
            )
            client = stack.enter_context(closing(service.client()))
            watch = stack.enter_context(closing(FileWatch(bench.clock, service.channels)))
            for number in range(1 + count):
                runs.append(floor.seconds_to_run())
                on_demand.append(_ask(bench, client, number, "dedicated"))
                watch.until(lambda: not service.open_channels())
    run = Beside("docker run -d returns after", median_ms(runs[1:]), "ms")
    return _rows(persistent[1:], on_demand[1:], run, model_ms)  # the first ones only warm the caches


def _rows(persistent: list[Answered], on_demand: list[Answered], floor: Beside, model_ms: int) -> list[Row]:
    of = f"medians of {len(persistent)}, a model of {model_ms / 1000:g} s"
    return [_row(PERSISTENT, persistent, [], of), _row(ON_DEMAND, on_demand, [floor], of)]


def _row(target: Target, answered: list[Answered], floor: list[Beside], of: str) -> Row:
    one = middle(answered)
    return Row(target, one.seconds, [*one.line.beside("our"), *HYBRID[target].beside("the hybrid's"), *floor], of)


def middle(answered: list[Answered]) -> Answered:
    """The message of the median time, so that its three parts belong together."""
    return sorted(answered)[(len(answered) - 1) // 2]


def _ask(bench: Bench, client: Client, number: int, route: str) -> Answered:
    began = bench.clock.monotonic()
    reply = client.ask(f"message {number}")
    seconds = bench.clock.monotonic() - began
    check_reply(reply, route)
    timing = reply["timing"]
    return Answered(seconds, Line(timing["prepTime"], timing["agentTime"], timing["totalTime"]))


FIGURE = Figure(
    "seed-table",
    "a message and its reply, a model of 5.2 s, beside the hybrid's table",
    (PERSISTENT, ON_DEMAND),
    measure,
    needs_engine=True,
)
