"""The agent runner as a process of its own, driven through a real channel directory as the host would."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
from pathlib import Path
from typing import Any

from openclaw.message import FrameKind, dump_bytes, frame_name
from openclaw.spool import DropDir, Watcher

CHECKOUT = Path(__file__).resolve().parent.parent.parent
TIMEOUT = 30.0
"""Seconds after which a wait is given up; never reached where the thing works."""


def runner_environ(**settings: str) -> dict[str, str]:
    """An environment in which `python -P -m agent_runner` starts from this checkout."""
    return {"PATH": os.environ["PATH"], "PYTHONPATH": f"{CHECKOUT / 'container'}:{CHECKOUT}", **settings}


def run_once(data: bytes, *arguments: str, **settings: str) -> subprocess.CompletedProcess[bytes]:
    """One-shot mode."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "agent_runner", *(arguments or ("--once",))],
        input=data, env=runner_environ(**settings), capture_output=True, timeout=TIMEOUT, check=False,
    )  # fmt: skip


class RunnerProcess:
    """A runner on the channel `path`, which is made; `start` starts it, so that a test may prepare the channel.

    It runs in the folder `group`, or in the test's own.
    """

    def __init__(self, path: Path, group: Path | None = None) -> None:
        self.path = path
        self._group = group
        self.inbox = DropDir(path / "in")
        self.outbox = DropDir(path / "out")
        self._changes: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._watcher = Watcher()
        self._watcher.start()
        self._watcher.watch(self.outbox.path, self._changes.put)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str, **settings: str) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "agent_runner", "--channel", str(self.path), *arguments],
            env=runner_environ(**settings), cwd=self._group, stdin=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        return self._process

    def send(self, kind: FrameKind, frame_id: str, body: dict[str, Any] | None = None, number: int = 0) -> None:
        self.inbox.place(frame_name(kind, frame_id, number), dump_bytes(body or {}))

    def ask(self, frame_id: str, text: str = "hello", session: str = "default", **more: Any) -> None:
        """Send a request; `more` goes to its body beside the message."""
        message = {"text": text, "session": session}
        self.send("request", frame_id, {"message": message, "attempt": 1, "timeout_ms": 60_000, **more})

    def wait(self, kind: FrameKind, frame_id: str, number: int = 0) -> dict[str, Any]:
        """The body of a frame from the runner, once it is there."""
        name = frame_name(kind, frame_id, number)
        while not self.outbox.exists(name):
            self._changes.get(timeout=TIMEOUT)
        body = json.loads((self.outbox.path / name).read_bytes())
        assert isinstance(body, dict)
        return body

    def has_seen_everything(self) -> None:
        """Return once the runner has taken every change that was made before: it answers a ping that came after."""
        self.outbox.remove("seen.pong.json")
        self.inbox.remove("seen.ping.json")
        self.send("ping", "seen")
        self.wait("pong", "seen")

    def close(self) -> None:
        self._watcher.close()
        if self._process is not None:
            self._process.kill()
            with self._process:
                self._process.wait(TIMEOUT)
