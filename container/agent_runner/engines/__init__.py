"""Engines: who answers a message.

An engine is called by many threads at once and keeps what it shares between them safe by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Protocol

from agent_runner.engines.offline import OfflineEngine
from openclaw.errors import ConfigError
from openclaw.message import Message


class Engine(Protocol):
    """Answers messages."""

    def answer(self, message: Message, cancel: threading.Event, attempt: int) -> str:
        """The answer to `message`, in text.

        Returns soon after `cancel` was set; what it returns then is not used. `attempt` counts from 1; beyond 1 an
        earlier try was cut off, and its effects may have happened. An OpenClawError's text is shown to the sender.
        """
        ...


def engine_from(environ: Mapping[str, str]) -> Engine:
    """The engine that OPENCLAW_ENGINE names, "offline" where it is not set. Raises ConfigError for another name."""
    name = environ.get("OPENCLAW_ENGINE", "offline")
    if name != "offline":
        raise ConfigError(f"OPENCLAW_ENGINE takes offline, not {name[:80]!r}; a newer image may know it: make image")
    return OfflineEngine.from_environ(environ)
