"""How many messages a second are accepted for good, against the same service without any fsync."""

from __future__ import annotations

from contextlib import ExitStack, closing
from functools import partial
from itertools import chain
from typing import NamedTuple

from openclaw.bench.bench import Bench
from openclaw.bench.client import Client, crowd
from openclaw.bench.figure import Beside, Figure, Row, Target
from openclaw.bench.ranks import percentile_ms
from openclaw.bench.service_process import ServiceProcess
from openclaw.bench.sessions import AT_REST, occupy

CONNECTIONS = 100
SHARE = Target("synced / unsynced", 0.7, "×", at_least=True)
P99 = Target("p99", 200, "ms")


class Arm(NamedTuple):
    """One of the two services, its callers, and what they have measured: whole rounds, and single calls."""

    service: ServiceProcess
    clients: list[Client]
    rounds: list[float]
    calls: list[float]


def measure(bench: Bench) -> list[Row]:
    """All messages wait behind one that does not end, so that no agent takes the CPU meanwhile.

    The two services take turns: creating a file costs more than anything here, and the disk's mood changes.
    """
    each = bench.amount(20, 5)
    rounds = bench.amount(6, 2)
    with ExitStack() as stack:
        arms = [_arm(bench, stack, synced=synced) for synced in (True, False)]
        for number in range(1 + rounds):
            for arm in arms if number % 2 else reversed(arms):
                _round(bench, arm, each)
    synced, unsynced = (CONNECTIONS * each * rounds / sum(arm.rounds[1:]) for arm in arms)
    calls = arms[0].calls[CONNECTIONS * each :]
    of = f"{CONNECTIONS} connections, {rounds} rounds of {CONNECTIONS * each:,}"
    beside = (Beside("synced", synced, "/s"), Beside("unsynced", unsynced, "/s"))
    return [
        Row(SHARE, synced / unsynced, beside, of),
        Row(P99, percentile_ms(calls, 99), (Beside("p50", percentile_ms(calls, 50), "ms"),)),
    ]


def _arm(bench: Bench, stack: ExitStack, *, synced: bool) -> Arm:
    service = stack.enter_context(bench.service(AT_REST, home="synced" if synced else "unsynced", synced=synced))
    clients = [stack.enter_context(closing(service.client())) for _ in range(CONNECTIONS)]
    occupy(bench, service, clients[0])
    for client in clients:
        client.connect()
    return Arm(service, clients, [], [])


def _round(bench: Bench, arm: Arm, each: int) -> None:
    taken: list[list[float]] = [[] for _ in arm.clients]

    def caller(client: Client, times: list[float], _let_go: float) -> None:
        for _ in range(each):
            times.append(bench.timed(client.send, "a message like many others"))

    acts = [partial(caller, client, times) for client, times in zip(arm.clients, taken, strict=True)]
    arm.rounds.append(crowd(bench.clock, acts))
    arm.calls.extend(chain.from_iterable(taken))


FIGURE = Figure("accepts", f"durable accepts over {CONNECTIONS} connections", (SHARE, P99), measure)
