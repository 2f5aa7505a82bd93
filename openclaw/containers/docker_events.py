"""EngineEvents: one `docker events` process for all containers of the installation, and the thread that reads it.

The thread "docker-events" spawns it, looks at the list once it is up (so that nothing falls between), reads lines
until the engine or the CLI goes away, and tries again after 0.5 to 5 s. It sleeps in a read and wakes for nothing
else. What it calls comes on that thread. Should the service be killed, the process ends when the next event finds its
pipe broken.
"""

from __future__ import annotations

import json
import logging
import subprocess
import threading
from collections.abc import Callable
from typing import IO, Any, Final, NamedTuple

from openclaw.clock import Clock
from openclaw.containers import cli as docker_cli
from openclaw.containers.cli import Cli
from openclaw.errors import RuntimeFailure

log = logging.getLogger(__name__)

FIRST_DELAY: Final = 0.5
MAX_DELAY: Final = 5.0
MAX_LINE: Final = 64 * 1024
"""Bytes of one event; ours have about 600."""


class Event(NamedTuple):
    """Something that happened to a container."""

    action: str
    """"die" or "oom"."""
    engine_id: str
    cid: str
    exit_code: int | None
    time: float
    """Seconds since 1970, by the engine's clock."""


class EngineEvents:
    """Tells `on_event` of every end, and calls `on_connected(again)` whenever the engine has been reached.

    `on_connected` raises RuntimeFailure where the engine does not answer after all.
    """

    def __init__(
        self,
        cli: Cli,
        clock: Clock,
        installation: str,
        on_event: Callable[[Event], None],
        on_connected: Callable[[bool], None],
    ) -> None:
        self._cli = cli
        self._clock = clock
        self._installation = installation
        self._on_event = on_event
        self._on_connected = on_connected
        self._since = int(clock.time())  # whole seconds: what is replayed twice is told once all the same
        self._changed = threading.Condition()
        # Guarded by _changed: _closed, _process.
        self._closed = False
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="docker-events", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """End the process, and the thread as soon as it has come back from a look at the list."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            if self._process is not None:
                self._process.kill()

    def join(self, timeout: float) -> None:
        """Wait for at most `timeout` seconds until the thread has ended."""
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        delay = 0.0
        lost = False
        while self._wait(delay):
            began = self._clock.monotonic()
            try:
                self._follow(lost)
            except RuntimeFailure as error:
                if not lost and not self._closed:
                    log.warning("The engine's events cannot be followed: %s", error)
            except Exception:  # the top of the thread: without it nobody would hear of exits
                log.exception("the engine's events cannot be followed")
            lost = True
            lasted = self._clock.monotonic() - began >= MAX_DELAY
            delay = FIRST_DELAY if lasted else min(MAX_DELAY, delay * 2 or FIRST_DELAY)

    def _wait(self, delay: float) -> bool:
        with self._changed:
            return not self._changed.wait_for(lambda: self._closed, delay)

    def _follow(self, again: bool) -> None:
        """Follow the events until they end. Raises RuntimeFailure where the engine is not there."""
        process = self._cli.spawn(self._args(), stderr=subprocess.DEVNULL)
        try:
            with self._changed:
                if self._closed:
                    return
                self._process = process
            self._on_connected(again)
            assert process.stdout is not None
            self._read(process.stdout)
            log.info("The engine's events have ended")
        finally:
            with self._changed:
                self._process = None
            docker_cli.end(process)

    def _args(self) -> list[str]:
        return [
            "events",
            f"--since={self._since}",
            "--filter=type=container",
            "--filter=event=die",
            "--filter=event=oom",
            f"--filter=label=openclaw.installation={self._installation}",
            "--format={{json .}}",
        ]

    def _read(self, stream: IO[bytes]) -> None:
        while line := stream.readline(MAX_LINE):
            try:
                value = json.loads(line)
                event = _parse(value)
                self._since = int(value["time"])
            except (ValueError, KeyError, TypeError) as error:
                log.warning("An event of the engine is not understood (%s): %.200r", error, line)
                continue
            self._on_event(event)


def _parse(value: dict[str, Any]) -> Event:
    attributes = value["Actor"]["Attributes"]
    code = attributes.get("exitCode")
    engine_id, cid = str(value["Actor"]["ID"]), str(attributes.get("openclaw.cid", ""))
    exit_code = None if code is None else int(code)
    return Event(str(value["Action"]), engine_id, cid, exit_code, int(value["timeNano"]) / 1e9)
