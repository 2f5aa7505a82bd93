"""`openclaw chat` and `send` against a service: on a terminal, and over a pipe."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.service import RunningService
from tests.support.terminal import Terminal

_BOUND = 120


def free_port() -> str:
    """A port for a service that goes away and comes back to the same one."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        return str(nobody.getsockname()[1])


class Caller:
    """Who calls the service of `home` on `port`."""

    def __init__(self, home: Path, port: str, **environ: str) -> None:
        self.environ = {**RunningService(home, OPENCLAW_PORT=port).environ(), **environ}

    @contextmanager
    def on_terminal(self, *words: str, columns: int = 80, rows: int = 40, **environ: str) -> Iterator[Terminal]:
        command = [sys.executable, "-m", "openclaw", *words]
        with Terminal(command, {**self.environ, **environ}, columns=columns, rows=rows) as terminal:
            yield terminal

    def over_pipe(self, *words: str, lines: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "openclaw", *words]
        return subprocess.run(
            command, input=lines, env={**self.environ, **environ},
            capture_output=True, text=True, timeout=_BOUND, check=False,
        )  # fmt: skip
