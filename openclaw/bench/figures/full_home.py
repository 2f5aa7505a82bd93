"""Whether a message costs more where a hundred thousand have gone before."""

from __future__ import annotations

import json
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from openclaw.bench.bench import Bench
from openclaw.bench.client import Client, crowd
from openclaw.bench.figure import Beside, Figure, Row, Target
from openclaw.bench.ranks import median_ms
from openclaw.bench.service_process import ServiceProcess
from openclaw.message import dump_bytes

WARM_UP = 20
CALLERS = 16
RATIO = Target("full / empty", 1.2, "×")


def measure(bench: Bench) -> list[Row]:
    """Two services side by side, one on a full home; single messages take turns, so that both meet the same machine.

    Most replies are laid into the outbox as copies of a real one. A session without subagents leaves nothing on the
    disk, so each is used once, by a message; their replies are real, too.
    """
    replies, sessions = bench.amount(100_000, 2_000), bench.amount(10_000, 200)
    count = bench.amount(300, 30)
    with bench.service(home="empty") as empty:
        _fill(bench.root / "full" / "ipc" / "outbox", _sample(empty), replies - sessions)
        with bench.service(home="full") as full:
            _use_sessions(bench, full, sessions)
            # Only now: a connection on which nothing comes for long is closed by the service.
            with closing(full.client()) as on_full, closing(empty.client()) as on_empty:
                times = _alternate(bench, (on_full, on_empty), count)
    full_ms, empty_ms = map(median_ms, times)
    beside = (Beside("full", full_ms, "ms"), Beside("empty", empty_ms, "ms"))
    of = f"{replies:,} replies, {sessions:,} sessions; medians of {count}, in turn"
    return [Row(RATIO, full_ms / empty_ms, beside, of)]


def _sample(service: ServiceProcess) -> dict[str, Any]:
    """A reply as it lies in the outbox."""
    with closing(service.client()) as client:
        reply = client.ask("a sample")
    record: dict[str, Any] = json.loads((service.outbox / f"{reply['id']}.json").read_bytes())
    return record


def _fill(outbox: Path, sample: dict[str, Any], count: int) -> None:
    """Lay `count` replies into a home that no service has used yet."""
    outbox.mkdir(parents=True)
    for number in range(count):
        reply = {**sample, "id": f"earlier-{number}"}
        (outbox / f"{reply['id']}.json").write_bytes(dump_bytes(reply))


def _use_sessions(bench: Bench, service: ServiceProcess, count: int) -> None:
    def caller(share: range, _let_go: float) -> None:
        with closing(service.client()) as client:
            for number in share:
                client.ask("the first here", session=f"s{number}")

    shares = [range(start, count, CALLERS) for start in range(CALLERS)]
    crowd(bench.clock, [partial(caller, share) for share in shares])


def _alternate(bench: Bench, clients: tuple[Client, Client], count: int) -> tuple[list[float], list[float]]:
    """The times of both, the first one first and last in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(WARM_UP + count):
        for which in (0, 1) if number % 2 else (1, 0):
            times[which].append(bench.timed(clients[which].ask, "the same to both"))
    return times[0][WARM_UP:], times[1][WARM_UP:]


FIGURE = Figure("full-home", "a message on a home with many replies and sessions", (RATIO,), measure)
