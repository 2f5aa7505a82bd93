"""What we add to a model: a message, one with a tool, and the first words of a stream, the model taking no time."""

from __future__ import annotations

from contextlib import closing
from typing import NamedTuple

from openclaw.bench.bench import Bench, Engine
from openclaw.bench.client import Client
from openclaw.bench.figure import Beside, Figure, NotMeasured, Row, Target
from openclaw.bench.floors import DurableWrites
from openclaw.bench.model_process import ModelProcess
from openclaw.bench.procfs import children, rss_mb
from openclaw.bench.ranks import median_ms, percentile_ms
from openclaw.bench.replies import check_reply
from openclaw.bench.service_process import ServiceProcess

WARM_UP = 10
TURNS = 10
"""Rounds in one session, three messages each: what was said before goes to the model again."""

TOOL = 'Glob={"pattern": "*.md"}'
USE = "use your tool"
"""The words at which the stand-in calls it."""

REPLY = Target("reply p50", 10, "ms")
TOOL_CALL = Target("one tool call more", 5, "ms")
DELTA = Target("first delta after the model's", 10, "ms")
MEMORY = Target("runner memory", 25, "MB")


class Times(NamedTuple):
    """Seconds: of each plain message, each with a tool, each first delta, and each question to the model alone."""

    plain: list[float]
    tool: list[float]
    delta: list[float]
    alone: list[float]


def measure(bench: Bench) -> list[Row]:
    """One caller, one message after another, the three kinds in turn, in Main's persistent container.

    The model is a process beside, whose own time is in every number: once in a plain message, twice in one with a tool,
    and in the first delta not at all, which is timed from the moment the model sends it.
    """
    assert bench.engine is not None
    count = bench.amount(200, 20)
    writes = DurableWrites(bench)
    times = Times([], [], [], [])
    with (
        ModelProcess(bench, "--tool", TOOL, "--tool-when", USE) as model,
        bench.service(model.settings) as service,
        closing(service.client()) as client,
    ):
        for number in range(WARM_UP):
            _warm_up(model, client, f"warm-{number}")
        for number in range(count):
            session = f"s{number // TURNS}"
            times.plain.append(_ask(bench, model, client, f"message {number}", session))
            times.tool.append(_ask(bench, model, client, f"message {number}, and {USE}", session))
            times.delta.append(_first_delta(bench, model, client, f"message {number}", session))
            times.alone.append(model.seconds_directly())
            writes.one()
        memory = _runner_mb(bench.engine, service)
    return _rows(times, writes, memory)


def _rows(times: Times, writes: DurableWrites, memory: float) -> list[Row]:
    plain, tool = median_ms(times.plain), median_ms(times.tool)
    parts = (
        Beside("p90", percentile_ms(times.plain, 90), "ms"),
        Beside("the model alone", median_ms(times.alone), "ms"),
        Beside("two durable writes alone", 2 * writes.median_ms, "ms"),
    )
    p90 = Beside("p90", percentile_ms(times.delta, 90), "ms")
    return [
        Row(REPLY, plain, parts, f"{len(times.plain)} messages, a model of 0 ms"),
        Row(TOOL_CALL, tool - plain, (Beside("with Glob", tool, "ms"),), "medians, a second call of the model in it"),
        Row(DELTA, median_ms(times.delta), (p90,), f"{len(times.delta)} streams"),
        Row(MEMORY, memory, (), f"by /proc, after {3 * len(times.plain)} messages"),
    ]


def _warm_up(model: ModelProcess, client: Client, session: str) -> None:
    """Raises NotMeasured where no tool is used."""
    if "tool" not in [name for name, _ in client.events(f"warm up, and {USE}", session)]:
        raise NotMeasured("the model's call of a tool was not heard of")
    model.first_delta()


def _ask(bench: Bench, model: ModelProcess, client: Client, text: str, session: str) -> float:
    """Seconds from the message to its reply, which Main's container must have given."""
    began = bench.clock.monotonic()
    reply = client.ask(text, session)
    seconds = bench.clock.monotonic() - began
    check_reply(reply, "persistent")
    model.first_delta()
    return seconds


def _first_delta(bench: Bench, model: ModelProcess, client: Client, text: str, session: str) -> float:
    """Seconds from the moment the model sends its first text to the one at which the caller has read it."""
    came = None
    for name, _ in client.events(text, session):
        if name == "delta" and came is None:
            came = bench.clock.monotonic()
    if came is None:
        raise NotMeasured("a message was answered without a delta")
    return came - model.first_delta()


def _runner_mb(engine: Engine, service: ServiceProcess) -> float:
    """Resident memory of the runner in Main's container: its largest process, the other one being docker-init."""
    (main,) = (found.name for found in service.containers() if found.role == "main")
    inspected = engine.cli.run(["inspect", "--format={{.State.Pid}}", main])
    if inspected.code != 0:
        raise NotMeasured(f"docker inspect failed: {inspected.stderr[:300]}")
    first = int(inspected.stdout)
    return max(rss_mb(pid) for pid in (first, *children(first)))


FIGURE = Figure(
    "model",
    "what is added to a model that takes no time, persistent container",
    (REPLY, TOOL_CALL, DELTA, MEMORY),
    measure,
    needs_engine=True,
)
