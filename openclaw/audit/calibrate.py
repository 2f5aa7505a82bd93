"""Measures the reference operations on this machine: one by one, and by a hundred threads at once.

Runs on the main thread with threads of its own, in a temporary folder and on the loopback device; takes some seconds.
Needs nothing of the project and leaves nothing behind.
"""

from __future__ import annotations

import http.client
import json
import os
import statistics
import subprocess
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

THREADS = 100
ROUNDS = 40
AT_ONCE = 3
"""Operations of each of the hundred threads."""
FEW = 10
"""Rounds of what takes long."""
PATIENCE = 60.0
"""Seconds that anything may take."""

Operation = Callable[[], object]
Clock = Callable[[], float]


def calibrate(clock: Clock = time.perf_counter, threads: int = THREADS) -> dict[str, tuple[float, float]]:
    """Operation → (ms alone, ms among `threads` at once). Raises OSError where the machine refuses one."""
    with tempfile.TemporaryDirectory(prefix="openclaw-audit-") as folder, _server() as port:
        return {
            key: (_alone(operation, rounds, clock), _crowded(operation, threads, clock))
            for key, (operation, rounds) in _operations(folder, port).items()
        }


def _operations(folder: str, port: int) -> dict[str, tuple[Operation, int]]:
    small = os.path.join(folder, "small.json")
    with open(small, "w", encoding="utf-8") as file:
        json.dump({"key": "x" * 1000}, file)
    listed = os.path.join(folder, "listed")
    os.mkdir(listed)
    for number in range(100):
        with open(os.path.join(listed, f"{number}.json"), "w", encoding="utf-8"):
            pass
    value = {"key": "x" * 1000}
    local = threading.local()
    return {
        "open_read": (lambda: _read(small), ROUNDS),
        "stat": (lambda: os.stat(small), ROUNDS),
        "fsync": (lambda: _synced(folder), FEW),
        "listdir": (lambda: os.listdir(listed), ROUNDS),
        "json": (lambda: json.dumps(value), ROUNDS),
        "thread": (_thread, ROUNDS),
        "subprocess": (lambda: subprocess.run(["true"], check=True, timeout=PATIENCE), FEW),
        "fork": (_fork, FEW),
        "http_local": (lambda: _get(port), FEW),
        "http_session": (lambda: _get_again(port, local), ROUNDS),
    }


def _alone(operation: Operation, rounds: int, clock: Clock) -> float:
    operation()  # the first one pays for what the others find ready
    return statistics.median(_timed(operation, clock) for _ in range(rounds))


def _crowded(operation: Operation, threads: int, clock: Clock) -> float:
    """The median of what one operation takes while all threads are at it."""
    gate = threading.Barrier(threads)
    taken: list[list[float]] = [[] for _ in range(threads)]

    def work(number: int) -> None:
        gate.wait(PATIENCE)
        for _ in range(AT_ONCE):
            taken[number].append(_timed(operation, clock))

    workers = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(PATIENCE)
    return statistics.median([value for values in taken for value in values])


def _timed(operation: Operation, clock: Clock) -> float:
    """Milliseconds of one operation."""
    begun = clock()
    operation()
    return (clock() - begun) * 1000


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def _synced(folder: str) -> None:
    path = os.path.join(folder, f"synced-{threading.get_ident()}")
    with open(path, "w", encoding="utf-8") as file:
        file.write("x" * 1000)
        file.flush()
        os.fsync(file.fileno())


def _thread() -> None:
    thread = threading.Thread(target=int)
    thread.start()
    thread.join(PATIENCE)


def _fork() -> None:
    """A child that ends at once: it runs nothing, so that no lock which another thread holds can be in its way."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of threads beside a fork
        child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)


def _get(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    finally:
        connection.close()


def _get_again(port: int, local: threading.local) -> None:
    if not hasattr(local, "connection"):
        local.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    local.connection.request("GET", "/")
    local.connection.getresponse().read()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    timeout = PATIENCE

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 1024


@contextmanager
def _server() -> Iterator[int]:
    """A local server; gives its port."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE)
