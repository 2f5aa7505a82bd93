"""Watchdog: sends a probe through the parts without which nobody is served, and says so when it has come through.

    GET /healthz ─► a file by the committer ─► the watcher tells of it ─► delivery's thread

Owns a thread, "watchdog", for the time of each probe. Where the disk takes no file the probe goes on without: a restart
would not help, and the callers are told. A probe that does not come through is logged and nothing else: it is the
service manager who ends a process that says nothing for too long.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING

from openclaw.errors import NotDurable, OpenClawError

if TYPE_CHECKING:
    from openclaw.clock import Alarms
    from openclaw.spool import Committer, DropDir, Watcher

log = logging.getLogger(__name__)

STEP_TIMEOUT = 15.0
"""Seconds for each of the four steps; a busy machine is not a dead service."""

PER_PERIOD = 3
"""Probes in the time after which the manager would restart the service."""

_PROBE = "probe.json"


class ProbeLost(OpenClawError):
    """A step of the probe did not end."""


class Watchdog:
    """Probes every `period_s` / PER_PERIOD seconds from `start` on; `alive` is called after each that came through."""

    def __init__(
        self,
        period_s: float,
        alive: Callable[[], None],
        *,
        address: Callable[[], tuple[str, int]],
        directory: DropDir,
        committer: Committer,
        watcher: Watcher,
        ping_delivery: Callable[[Callable[[], None]], None],
        alarms: Alarms,
        step_s: float = STEP_TIMEOUT,
    ) -> None:
        self._interval = period_s / PER_PERIOD
        self._alive = alive
        self._address = address
        self._directory = directory
        self._committer = committer
        self._watcher = watcher
        self._ping_delivery = ping_delivery
        self._alarms = alarms
        self._step_s = step_s
        self._noticed = threading.Event()  # set by the watcher's thread, cleared by each probe
        self._closed = threading.Event()

    def start(self) -> None:
        self._watch = self._watcher.watch(self._directory.path, lambda _name: self._noticed.set())
        self._later()

    def close(self) -> None:
        """Begin no further probe. One that is under way ends by itself, within its steps' time."""
        self._closed.set()
        self._watch.close()

    def _later(self) -> None:
        self._alarms.call_later(self._interval, self._begin)

    def _begin(self) -> None:
        if self._closed.is_set():
            return
        try:
            threading.Thread(target=self._run, name="watchdog", daemon=True).start()
        except RuntimeError as error:  # "can't start new thread", which may be over by the next time
            log.error("The watchdog's probe was lost: %s; raise the limit of processes (ulimit -u)", error)
            self._later()

    def _run(self) -> None:
        try:
            self.probe()
            self._alive()
        except ProbeLost as lost:
            if not self._closed.is_set():
                log.error("The watchdog's probe was lost: %s", lost)
        except Exception:  # the top of the thread: the next probe may come through
            log.exception("the watchdog's probe failed")
        finally:
            self._later()

    def probe(self) -> None:
        """One probe through all parts. Raises ProbeLost."""
        self._through_intake()
        self._noticed.clear()
        try:
            self._committer.publish(self._directory, _PROBE, b"{}\n", replace=True).result(self._step_s)
        except TimeoutError:
            raise ProbeLost(f"no file was made durable within {self._step_s:g} s") from None
        except NotDurable:
            self._watcher.tick()  # has it look, and so tell, without a change
        if not self._noticed.wait(self._step_s):
            raise ProbeLost(f"the watcher told of no change within {self._step_s:g} s")
        delivered = threading.Event()
        self._ping_delivery(delivered.set)
        if not delivered.wait(self._step_s):
            raise ProbeLost(f"delivery did not answer within {self._step_s:g} s")

    def _through_intake(self) -> None:
        connection = HTTPConnection(*self._address(), timeout=self._step_s)
        try:
            connection.request("GET", "/healthz")
            status = connection.getresponse().status
        except (OSError, HTTPException) as error:
            raise ProbeLost(f"GET /healthz was not answered: {error or type(error).__name__}") from None
        finally:
            connection.close()
        if status in (401, 403, 503):  # its own words: a token is needed where it listens, or all places are taken
            return
        if status != 200:
            raise ProbeLost(f"GET /healthz was answered {status}")
