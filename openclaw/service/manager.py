"""Manager: the service manager that has started this process, as sd_notify(3) has it; nobody where there is none.

Made and told by the main thread, and by the watchdog's. It never waits: a manager that does not take a datagram at once
is told the next time.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import MutableMapping

log = logging.getLogger(__name__)

STOP_MARGIN = 120.0
"""Seconds beyond DRAIN_TIMEOUT in which containers are removed and what is queued is written."""


class Manager:
    """Takes NOTIFY_SOCKET and WATCHDOG_USEC out of `environ`: child processes are not to speak for the service."""

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        address = environ.pop("NOTIFY_SOCKET", "")
        period = environ.pop("WATCHDOG_USEC", "")
        environ.pop("WATCHDOG_PID", None)
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog_s = int(period) / 1e6 if address and period.isascii() and period.isdigit() else 0.0
        """Seconds without `alive` after which the manager restarts the service; 0.0: it does not watch."""

    def ready(self) -> None:
        """The service can take messages."""
        self._tell("READY=1")

    def alive(self) -> None:
        """A probe has come through."""
        self._tell("WATCHDOG=1")

    def stopping(self, drain_s: float) -> None:
        """The service stops, which takes as long as its turns may run, and a little."""
        self._tell(f"STOPPING=1\nEXTEND_TIMEOUT_USEC={int((drain_s + STOP_MARGIN) * 1e6)}")

    def _tell(self, state: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) as sock:
                sock.connect(self._address)
                sock.send(state.encode())
        except OSError as error:
            log.warning("The service manager could not be told %s: %s", state.partition("\n")[0], error.strerror)
