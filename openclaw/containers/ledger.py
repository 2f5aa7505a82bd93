"""ExitLedger: turns many hints about containers into exactly one Exit for each.

Exits are learnt of twice or more (events, replayed events, a look at the list) and may be learnt of before the start
that they end has returned. Containers are known by the engine's ids here and told by their cids: neither comes again.
Called from any thread; calls nothing back: it returns what is to be told.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection
from typing import Final, TypeVar

from openclaw.containers.runtime import Exit

REMEMBERED: Final = 4096
"""Ended ids that are remembered. An engine replays at most its last 256 events."""

_T = TypeVar("_T")


class ExitLedger:
    """What runs, by the engine's id, and what was told to have ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Guarded by _lock: all of these. _early holds exits of what is not known to run (yet).
        self._starting: set[str] = set()  # cids
        self._running: dict[str, str] = {}  # cid by engine id
        self._early: OrderedDict[str, Exit] = OrderedDict()
        self._told: OrderedDict[str, None] = OrderedDict()

    def starting(self, cid: str) -> None:
        """A start of `cid` is under way: its exit waits until `started`."""
        with self._lock:
            self._starting.add(cid)

    def started(self, engine_id: str, cid: str) -> Exit | None:
        """The start has returned; gives its exit where the container has ended since."""
        with self._lock:
            self._starting.discard(cid)
            return self._begin(engine_id, cid)

    def not_started(self, cid: str) -> None:
        """The start has failed: nothing of it is ever told."""
        with self._lock:
            self._starting.discard(cid)

    def seen_running(self, engine_id: str, cid: str) -> Exit | None:
        """A look at the list found it running; gives its exit where it has ended since."""
        with self._lock:
            if cid in self._starting or engine_id in self._told:
                return None
            return self._begin(engine_id, cid)

    def running(self) -> frozenset[str]:
        """The ids that run as far as is known."""
        with self._lock:
            return frozenset(self._running)

    def ended(self, engine_id: str, exit_: Exit) -> Exit | None:
        """It has ended: gives the Exit where it is known to run; else it waits until it is."""
        with self._lock:
            if self._running.pop(engine_id, None) is not None:
                _remember(self._told, engine_id, None)
                return exit_
            if engine_id not in self._told and engine_id not in self._early:
                _remember(self._early, engine_id, exit_)
            return None

    def gone(self, before: Collection[str], listed: Collection[str]) -> list[Exit]:
        """Exits of those that ran `before` a look and that it did not list any more."""
        exits = []
        with self._lock:
            for engine_id in set(before) - set(listed):
                cid = self._running.pop(engine_id, None)
                if cid is not None:
                    _remember(self._told, engine_id, None)
                    exits.append(Exit(cid, None, "it was removed"))
        return exits

    def _begin(self, engine_id: str, cid: str) -> Exit | None:
        """Called with _lock held."""
        early = self._early.pop(engine_id, None)
        if early is None:
            self._running[engine_id] = cid
        else:
            _remember(self._told, engine_id, None)
        return early


def _remember(memory: OrderedDict[str, _T], key: str, value: _T) -> None:
    memory[key] = value
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)
