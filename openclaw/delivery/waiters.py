"""Callers that wait for a reply, each on an event of its own.

`wait` runs on the callers' threads, `tell` on delivery's. A caller that goes away leaves nothing behind.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class _Waiter:
    __slots__ = ("reply", "wake")

    def __init__(self, wake: threading.Event) -> None:
        self.wake = wake
        self.reply: dict[str, Any] | None = None


class Waiters:
    """Who waits for which id."""

    def __init__(self, finished: Callable[[str], dict[str, Any] | None]) -> None:
        self._finished = finished
        self._lock = threading.Lock()
        # Guarded by _lock: those who wait, by message id.
        self._waiting: dict[str, list[_Waiter]] = {}

    def wait(self, message_id: str, timeout_s: float, wake: threading.Event) -> dict[str, Any] | None:
        """The reply; None after `timeout_s` seconds, or when somebody else sets `wake`."""
        waiter = _Waiter(wake)
        with self._lock:
            self._waiting.setdefault(message_id, []).append(waiter)
        try:
            # Looked up after joining: a reply that came before is on the disk, one that comes later is told.
            reply = self._finished(message_id)
            if reply is None:
                wake.wait(timeout_s)
                reply = waiter.reply
            return reply
        finally:
            with self._lock:
                others = self._waiting.get(message_id)
                if others is not None and waiter in others:
                    others.remove(waiter)
                    if not others:
                        del self._waiting[message_id]

    def tell(self, message_id: str, reply: dict[str, Any]) -> None:
        """The reply is durable: hand it to everybody who waits for it."""
        with self._lock:
            waiting = self._waiting.pop(message_id, [])
        for waiter in waiting:
            waiter.reply = reply
            waiter.wake.set()
