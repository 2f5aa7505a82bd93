"""Errands: what is asked of the service while a turn is answered, on threads of its own.

So the main thread hears a second Ctrl-C while a service that hangs answers none of it. Each errand is one thread; the
same one is not sent twice at once. What comes of it is told to the inbox.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from openclaw.cli.chat.follower import Connect
from openclaw.cli.chat.inbox import Inbox, NotCancelled, WaitsFor
from openclaw.cli.client import CallRefused, ServiceDown
from openclaw.message import Message


class Errands:
    """Those for `message`."""

    def __init__(self, connect: Connect, message: Message, inbox: Inbox) -> None:
        self._connect = connect
        self._message = message
        self._inbox = inbox
        self._asking = threading.Event()

    def cancel(self) -> None:
        """Have the message cancelled; NotCancelled tells what stood against it."""
        self._start("cancel", self._cancel)

    def ask_why(self) -> None:
        """Ask why it waits; WaitsFor tells it, where anything can be told."""
        if not self._asking.is_set():
            self._asking.set()
            self._start("ask", self._ask_why)

    def _start(self, name: str, errand: Callable[[], None]) -> None:
        threading.Thread(target=errand, name=f"{name}-{self._message.id}", daemon=True).start()

    def _cancel(self) -> None:
        try:
            with self._connect() as client:
                client.delete(f"/messages/{self._message.id}")
        except (CallRefused, ServiceDown) as error:
            if not (isinstance(error, CallRefused) and error.status == 409):  # 409: its answer is on the way
                self._inbox.put(NotCancelled(self._message.id, str(error)))

    def _ask_why(self) -> None:
        try:
            with self._connect() as client:
                ahead = int(client.get(f"/messages/{self._message.id}").get("ahead", 0))
                reason = f"{ahead} before it in this session" if ahead else self._reason(client.get("/status"))
            self._inbox.put(WaitsFor(self._message.id, reason))
        except (ServiceDown, CallRefused):
            pass  # the follower tells that
        finally:
            self._asking.clear()

    def _reason(self, status: dict[str, Any]) -> str:
        """Why the first of a session has not begun."""
        main, dedicated = status.get("main") or {}, status.get("dedicated") or {}
        if status.get("problem"):
            return str(status["problem"])
        if self._message.group == "main" and main.get("state") in ("STARTING", "BACKOFF"):
            return f"Main's container is {str(main['state']).lower()}"
        if waiting := dedicated.get("waiting"):
            return f"{waiting} wait for a container"
        return "its container starts"
