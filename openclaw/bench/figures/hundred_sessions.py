"""A hundred people at once, each in a session of their own: all are answered in Main's one container."""

from __future__ import annotations

from contextlib import ExitStack, closing
from functools import partial

from openclaw.bench.bench import Bench
from openclaw.bench.client import Client, crowd
from openclaw.bench.figure import Beside, Figure, Row, Target
from openclaw.bench.floors import DurableWrites
from openclaw.bench.ranks import percentile
from openclaw.bench.replies import check_reply

COUNT = 100
SECONDS = Target("all answered in", 5.9, "s")


def measure(bench: Bench) -> list[Row]:
    """From the moment all are let go to the last reply, over kept connections, the callers' own threads included.

    Beside are the parts that nobody can leave out, which may overlap: the same crowd that only asks for /healthz, and
    as many files made durable in groups, a message and a reply for each.
    """
    count, model_ms = bench.amount(COUNT, 20), bench.amount(5200, 1000)
    writes = DurableWrites(bench)
    times, looks, disk = [], [], []
    with bench.service({"OFFLINE_LATENCY": str(model_ms)}) as service, ExitStack() as stack:
        clients = [stack.enter_context(closing(service.client())) for _ in range(count)]
        asks = [partial(_ask, client, f"s{number}") for number, client in enumerate(clients)]
        for _ in range(1 + bench.amount(3, 1)):
            looks.append(crowd(bench.clock, [partial(_look, client) for client in clients]))
            times.append(crowd(bench.clock, asks))
            disk.append(writes.group(2 * count))
    return _rows(times[1:], looks[1:], disk[1:], count, model_ms / 1000)  # in the first one Main's container starts


def _rows(times: list[float], looks: list[float], disk: list[float], count: int, model: float) -> list[Row]:
    beside = (
        Beside("fastest", min(times), "s"),
        Beside("the crowd's GET /healthz", percentile(looks, 50), "s"),
        Beside(f"{2 * count} durable writes in groups", percentile(disk, 50), "s"),
    )
    of = f"slowest of {len(times)} rounds, {count} sessions each, a model of {model:g} s"
    return [Row(SECONDS, max(times), beside, of)]


def _ask(client: Client, session: str, _let_go: float) -> None:
    check_reply(client.ask("one of many", session), "persistent")


def _look(client: Client, _let_go: float) -> None:
    client.get("/healthz")


FIGURE = Figure("hundred-sessions", f"{COUNT} sessions of Main at once, a model of 5.2 s", (SECONDS,), measure)
