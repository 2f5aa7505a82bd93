"""Programs: work that may hang, or take more than its share, done by a process of its own that can be killed.

A program of ours gets one JSON object on its standard input and gives one on its standard output. It is Python alone,
imports nothing of the project, and is killed at the end of the caller's patience. Any thread; no state but the seats of
those that run.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

from agent_runner.tools.patience import Patience, Seats
from agent_runner.tools.tool import ToolFailed

log = logging.getLogger(__name__)


class Program:
    """One program of this package's folder, run at most `at_once` times side by side."""

    def __init__(self, name: str, at_once: int) -> None:
        self._path = Path(__file__).with_name(name)
        self._seats = Seats(at_once)

    def run(self, request: dict[str, Any], patience: Patience) -> dict[str, Any]:
        """What it answers. Raises ToolFailed, also with what the program says under "error", and TurnCancelled."""
        with self._seats.seat(patience):
            # The alarm ends it where nobody is left who would.
            output = self._communicate(json.dumps({**request, "alarm_s": int(patience.left) + 2}).encode(), patience)
        answer: dict[str, Any] = json.loads(output)
        if "error" in answer:
            raise ToolFailed(answer["error"])
        return answer

    def _communicate(self, data: bytes, patience: Patience) -> bytes:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-X", "utf8", str(self._path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        with process:
            try:
                with patience.cancel.calling(process.kill):
                    output, errors = process.communicate(data, patience.left)
            except subprocess.TimeoutExpired:
                raise patience.over() from None
            finally:
                process.kill()
        patience.check()
        if process.returncode != 0:
            said = errors[-2000:].decode(errors="replace")
            log.error("%s ended with %d: %s", self._path.name, process.returncode, said)
            raise ToolFailed(f"{self._path.stem} ended with {process.returncode}; the container's log says more")
        return output
