"""A service as a user has it: a child process on a home of its own, stopped as a service manager would.

Owns the child, and the containers of its installation that the child leaves behind. Used by one thread.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from openclaw.bench.client import Client
from openclaw.bench.figure import NotMeasured
from openclaw.bench.procfs import children
from openclaw.containers.cli import Cli
from openclaw.containers.docker_run import Row, parse_rows, ps_args
from openclaw.containers.runtime import Found

SERVE = ("openclaw", "serve")
UNSYNCED = ("openclaw.bench.unsynced",)

READY_TIMEOUT = 60.0
"""Seconds from the start of the process to its ready line."""

STOP_TIMEOUT = 90.0
"""Seconds for a clean stop: DRAIN_TIMEOUT's 60 and the removal of containers."""

REMOVE_TIMEOUT = 60.0


class ServiceProcess:
    """Runs from entering the context to leaving it. `cli` is the engine's, where it uses one."""

    def __init__(self, home: Path, environ: Mapping[str, str], module: Sequence[str], cli: Cli | None) -> None:
        self.home = home
        self.inbox = home / "ipc" / "inbox"
        self.work = home / "ipc" / "work"
        self.outbox = home / "ipc" / "outbox"
        self.channels = home / "ipc" / "channels"
        self._environ = dict(environ)
        self._command = [sys.executable, "-m", *module]
        self._cli = cli
        self.left: list[Found] = []
        """Containers that were still there when the process had ended; they are removed."""
        self._stderr = home.with_name(f"{home.name}.stderr")

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def port(self) -> int:
        return self._port

    def __enter__(self) -> ServiceProcess:
        """Start it; returns when it can take messages. Raises NotMeasured where it does not come to that."""
        with open(self._stderr, "wb") as stderr:
            # A group of its own: Ctrl-C reaches the benchmark only, which then stops this one cleanly.
            self._process = subprocess.Popen(
                self._command,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                process_group=0,
            )
        try:
            self._port = self._await_port()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it and leave no container. Raises NotMeasured where it logged an error while it was measured."""
        self._end()
        if error is None and (told := self._first_error()):
            raise NotMeasured(f"the service logged an error: {told}")

    def client(self) -> Client:
        """A new connection to it."""
        return Client(self._port)

    def open_channels(self) -> list[Path]:
        """The channel of each container that is starting or running."""
        return [channel for channel in self.channels.iterdir() if not channel.name.startswith(".")]

    def containers(self) -> list[Found]:
        """What the engine has of this installation, containers that have ended included."""
        return [row.found for row in self._rows(self._cli)] if self._cli is not None else []

    def children(self) -> tuple[list[int], list[int]]:
        """The child that follows the engine's events, of which there is at most one, and the others."""
        commands = children(self.pid)
        following = [pid for pid, command in commands.items() if "events" in command]
        return following, [pid for pid in commands if pid not in following]

    def _rows(self, cli: Cli) -> list[Row]:
        try:
            identity = json.loads((self.home / "ipc" / ".installation").read_bytes())["id"]
        except FileNotFoundError:  # it ended before it had an id, hence without a container
            return []
        output = cli.run(ps_args(identity))
        if output.code != 0:
            raise NotMeasured(f"the engine does not list its containers: {output.stderr[:300]}")
        return parse_rows(output.stdout)

    def _await_port(self) -> int:
        assert self._process.stdout is not None
        poll = select.poll()
        poll.register(self._process.stdout, select.POLLIN)
        line = self._process.stdout.readline() if poll.poll(READY_TIMEOUT * 1000) else ""
        if not line.startswith("openclaw ready on "):
            raise NotMeasured(f"the service did not start: {self._last_words() or 'it says nothing'}")
        port = urlsplit(line.split()[3]).port
        assert port is not None
        return port

    def _last_words(self) -> str:
        return self._stderr.read_text(errors="replace").strip()[-500:]

    def _first_error(self) -> str:
        with open(self.home / "logs" / "app.log", encoding="utf-8", errors="replace") as log:
            return next((line.strip()[:500] for line in log if "[ERROR]" in line), "")

    def _end(self) -> None:
        """Ask it to stop; what it leaves behind, having died or not, is ours to remove."""
        assert self._process.stdout is not None
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_TIMEOUT)
        self._process.stdout.close()
        if self._cli is not None:
            self._remove_left(self._cli)

    def _remove_left(self, cli: Cli) -> None:
        """Remove what bears this home's installation id, one at a time: more at once has wedged engines."""
        rows = self._rows(cli)
        self.left = [row.found for row in rows]
        for row in rows:
            cli.run(["rm", "--force", "--volumes", row.engine_id], REMOVE_TIMEOUT)
