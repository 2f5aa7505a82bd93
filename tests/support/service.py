"""A whole service as a child process on a home of its own, in the process runtime unless told otherwise."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

CHECKOUT = Path(__file__).resolve().parent.parent.parent
_BOUND = 60


class RunningService:
    """`openclaw serve`; ready when the context is entered."""

    module = "openclaw"
    may_log_errors = False

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self._environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(CHECKOUT),
            "OPENCLAW_HOME": str(home),
            "OPENCLAW_PORT": "0",
            "CONTAINER_RUNTIME": "process",
            "DRAIN_TIMEOUT": "5000",
            "SUBAGENT_STANDBY": "0",
            **settings,
        }

    def environ(self) -> dict[str, str]:
        """The environment of the process."""
        return dict(self._environ)

    def spawn(self) -> subprocess.Popen[str]:
        """Start the process, ready or not."""
        command = [sys.executable, "-m", self.module, "serve"]
        with open(self.home.parent / "stderr", "ab") as stderr:
            return subprocess.Popen(
                command, env=self._environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, text=True
            )

    def __enter__(self) -> Self:
        self.process = self.spawn()
        assert self.process.stdout is not None
        self.ready_line = self.process.stdout.readline()
        assert self.ready_line.startswith("openclaw ready on "), (self.home.parent / "stderr").read_text()
        self.url = self.ready_line.split()[3]
        self._session = requests.Session()
        self._session.trust_env = False
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()
        if self.process.poll() is None:
            self.stop()
        assert self.process.stdout is not None
        self.process.stdout.close()
        assert self.may_log_errors or "[ERROR]" not in (self.home / "logs/app.log").read_text()

    def stop(self) -> int:
        """End it as a service manager would; its exit code."""
        self.process.terminate()
        return self.process.wait(_BOUND)

    def kill(self) -> None:
        """End it as a power button would end the process."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(_BOUND)

    def post(self, message: dict[str, Any], query: str = "?wait=30") -> requests.Response:
        return self._session.post(f"{self.url}/messages{query}", json=message, timeout=_BOUND)

    def post_to(self, path: str, body: dict[str, Any]) -> requests.Response:
        return self._session.post(f"{self.url}{path}", json=body, timeout=_BOUND)

    def get(self, path: str) -> requests.Response:
        return self._session.get(f"{self.url}{path}", timeout=_BOUND)

    def put(self, path: str, body: dict[str, Any]) -> requests.Response:
        return self._session.put(f"{self.url}{path}", json=body, timeout=_BOUND)

    def delete(self, path: str) -> requests.Response:
        return self._session.delete(f"{self.url}{path}", timeout=_BOUND)
