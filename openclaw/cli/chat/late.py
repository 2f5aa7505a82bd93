"""LateReplies: waits for the replies of subagents, whenever they come.

Owns WORKERS threads at most, made when there is something to wait for. Each waits for one subagent at a time; what is
beyond them waits for its turn, so that a hundred subagents do not take a hundred connections. The main thread calls.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import Final

from openclaw.cli.chat.follower import FINAL, FIRST_PAUSE, LONGEST_PAUSE, Connect
from openclaw.cli.chat.inbox import Arrived, Inbox, Refused
from openclaw.cli.client import CallRefused, ServiceDown

log = logging.getLogger(__name__)

WORKERS: Final = 8
WAIT_S: Final = 60.0
"""Seconds that one call waits for a reply."""

MAX_KNOWN: Final = 10_000
"""Subagents of one conversation that are waited for; those beyond are in the outbox all the same."""


class LateReplies:
    """Tells `inbox` of each reply once; of a subagent that is not known any more too, as Refused."""

    def __init__(self, connect: Connect, inbox: Inbox) -> None:
        self._connect = connect
        self._inbox = inbox
        self._stopped = threading.Event()
        self._known: set[str] = set()
        self._lock = threading.Lock()
        # Guarded by _lock: those that nobody waits for yet, how many are not over, and the threads.
        self._waiting: deque[str] = deque()
        self._threads = 0

    def expect(self, subagent: str) -> bool:
        """Wait for the reply of this one, if that is not done already; whether it is new."""
        if subagent in self._known or len(self._known) >= MAX_KNOWN:
            return False
        self._known.add(subagent)
        with self._lock:
            self._waiting.append(subagent)
            start = self._threads < WORKERS
            self._threads += start
        if start:
            threading.Thread(target=self._run, name="late-replies", daemon=True).start()
        return True

    def stop(self) -> None:
        """Try no more."""
        self._stopped.set()

    def _run(self) -> None:
        while (subagent := self._next()) is not None:
            try:
                self._await(subagent)
            except Exception as error:  # the top of the thread: else the reply would be expected for ever
                log.exception("the reply of %s is not waited for any more", subagent)
                self._inbox.put(Refused(subagent, f"it is not waited for any more, by a fault here: {error!r}"))

    def _next(self) -> str | None:
        with self._lock:
            if self._waiting and not self._stopped.is_set():
                return self._waiting.popleft()
            self._threads -= 1
            return None

    def _await(self, subagent: str) -> None:
        pause = FIRST_PAUSE
        while not self._stopped.is_set():
            try:
                with self._connect() as client:
                    while (reply := client.get(f"/messages/{subagent}", wait_s=WAIT_S)).get("status") not in FINAL:
                        pause = FIRST_PAUSE
                self._inbox.put(Arrived(subagent, reply))
                return
            except ServiceDown:  # it is told by whoever follows a message
                self._stopped.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            except CallRefused as refused:
                self._inbox.put(Refused(subagent, str(refused)))
                return
