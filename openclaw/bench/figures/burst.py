"""Everybody at once: as many new connections at the same moment, each with one message."""

from __future__ import annotations

import json
import selectors
import socket
from contextlib import ExitStack, closing

from openclaw.bench.bench import Bench
from openclaw.bench.figure import Beside, Figure, NotMeasured, Row, Target
from openclaw.bench.ranks import percentile_ms
from openclaw.bench.sessions import AT_REST, occupy

CALLERS = 100
P99 = Target("p99", 150, "ms")
ANSWER_TIMEOUT = 60.0

_BODY = json.dumps({"text": "one of many"}).encode()
_POST = (
    b"POST /messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
)
_GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


def measure(bench: Bench) -> list[Row]:
    """From the moment the first one dials to each one's 202; the agent is at rest.

    One thread plays all callers, over sockets that do not block: a hundred of Python's threads would take longer to
    wake than the service takes to answer. The floor is the same crowd that only asks for /healthz: connections,
    threads and HTTP, and no message.
    """
    rounds = bench.amount(20, 3)
    posts: list[float] = []
    looks: list[float] = []
    with bench.service(AT_REST) as service, closing(service.client()) as client:
        occupy(bench, service, client)
        for _ in range(1 + rounds):
            posts += _burst(bench, service.port, _POST, 202)
            looks += _burst(bench, service.port, _GET, 200)
    posts, looks = posts[CALLERS:], looks[CALLERS:]  # without the first round
    beside = (
        Beside("p50", percentile_ms(posts, 50), "ms"),
        Beside("p99 of GET /healthz", percentile_ms(looks, 99), "ms"),
    )
    return [Row(P99, percentile_ms(posts, 99), beside, f"{rounds} rounds")]


def _burst(bench: Bench, port: int, request: bytes, expected: int) -> list[float]:
    """Seconds until each of CALLERS new connections has its answer."""
    times: list[float] = []
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        let_go = bench.clock.monotonic()
        for _ in range(CALLERS):
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(("127.0.0.1", port))
            selector.register(caller, selectors.EVENT_WRITE, bytearray())
        while len(times) < CALLERS:
            ready = selector.select(ANSWER_TIMEOUT)
            if not ready:
                raise NotMeasured(f"{CALLERS - len(times)} of {CALLERS} callers at once were not answered")
            for key, events in ready:
                caller = key.fileobj  # type: ignore[assignment]  # what was registered
                if events & selectors.EVENT_WRITE:
                    caller.send(request)
                    selector.modify(caller, selectors.EVENT_READ, key.data)
                elif _is_answered(caller, key.data, expected):
                    times.append(bench.clock.monotonic() - let_go)
                    selector.unregister(caller)
    return times


def _is_answered(caller: socket.socket, answer: bytearray, expected: int) -> bool:
    """Whether what has come by now is the whole answer. Raises NotMeasured for another one."""
    data = caller.recv(65536)
    answer += data
    head, end, body = bytes(answer).partition(b"\r\n\r\n")
    lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    whole = bool(end and lengths) and len(body) == int(lengths[0].partition(b":")[2])
    if not data or (whole and not answer.startswith(b"HTTP/1.1 %d " % expected)):
        raise NotMeasured(f"one of many callers was answered: {bytes(answer[:300])!r}")
    return whole


FIGURE = Figure("burst", f"{CALLERS} POSTs at once over new connections", (P99,), measure)
