"""Health: pongs for pings, by a thread that does nothing else, so that a hung turn never delays one.

`ping` comes from the channel's thread and never waits. The thread writes `out/ID.pong.json` and sleeps until the
next ping.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

MAX_WAITING = 64
"""Pings that wait to be answered; the host sends one at a time."""

_KB_PER_PAGE = os.sysconf("SC_PAGE_SIZE") // 1024


class Health:
    """Answers pings through `pong(id, body)`; `turns` counts the turns at hand."""

    def __init__(self, pong: Callable[[str, dict[str, Any]], None], turns: Callable[[], int]) -> None:
        self._pong = pong
        self._turns = turns
        self._pings: queue.Queue[str] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._run, name="health", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def ping(self, ping_id: str) -> None:
        """Have this ping answered."""
        try:
            self._pings.put_nowait(ping_id)
        except queue.Full:
            log.warning("ping %s is not answered: %d others wait", ping_id, MAX_WAITING)

    def _run(self) -> None:
        while True:
            ping_id = self._pings.get()
            try:
                self._pong(ping_id, {"rss_kb": resident_kb(), "turns": self._turns()})
            except Exception:  # the top of the thread: the next ping may find a disk that takes its pong
                log.exception("ping %s could not be answered", ping_id)


def resident_kb() -> int:
    """This process's resident memory in KiB, by /proc/self/statm (pages: total, resident, …)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _KB_PER_PAGE
