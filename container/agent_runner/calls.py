"""Calls: what turns ask of the host, and the results that they wait for.

`ask` blocks a thread of the turn; `result` comes from the channel's thread and never waits. One lock guards the table;
nothing is written under it.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from agent_runner.cancel import Cancel
from agent_runner.engines.engine import TurnCancelled
from openclaw.errors import CallRefused


class Calls:
    """The calls that wait. `write(id, number, body)` places a call frame; it raises OSError or CallRefused."""

    def __init__(self, write: Callable[[str, int, dict[str, Any]], None]) -> None:
        self._write = write
        self._lock = threading.Lock()
        # Guarded by _lock: (turn's id, number of the call) → where its result goes; None: the turn is cancelled.
        self._waiting: dict[tuple[str, int], queue.SimpleQueue[dict[str, Any] | None]] = {}

    def ask(
        self, turn_id: str, number: int, tool: str, arguments: dict[str, Any], *, cancel: Cancel, limit: float
    ) -> dict[str, Any]:
        """What the host answers to the turn's `number`th call, waited for at most `limit` seconds.

        Raises CallRefused with the host's reason, or TurnCancelled as soon as `cancel` is set.
        """
        if cancel.is_set():
            raise TurnCancelled
        results: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        with self._lock:
            self._waiting[turn_id, number] = results  # before the call is there: its result may come at once
        try:
            with cancel.calling(lambda: results.put(None)):
                self._write(turn_id, number, {"tool": tool, "arguments": arguments})
                body = results.get(timeout=limit)
        except queue.Empty:
            raise CallRefused(f"the host did not answer {tool} within {limit:.0f} s; it may still do it") from None
        except OSError as error:
            raise CallRefused(f"the host could not be asked for {tool}: {error.strerror}") from error
        finally:
            with self._lock:
                del self._waiting[turn_id, number]
        if body is None:
            raise TurnCancelled
        return value_of(body)

    def result(self, turn_id: str, number: int, body: dict[str, Any]) -> bool:
        """Hand a result to whoever waits for it; False where nobody does, or nobody any more."""
        with self._lock:
            results = self._waiting.get((turn_id, number))
        if results is not None:
            results.put(body)
        return results is not None


def value_of(body: dict[str, Any]) -> dict[str, Any]:
    """The value in a result frame. Raises CallRefused with what it says instead."""
    if "error" in body:
        raise CallRefused(str(body["error"]))
    value = body.get("value")
    if not isinstance(value, dict):
        raise CallRefused('the host\'s result is malformed: it needs "value", an object, or "error"')
    return value
