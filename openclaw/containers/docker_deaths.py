"""Deaths: containers that were killed by nobody here, looked at before they are told and removed: was it for memory?

The engine's word on that is two words. Its `oom` event says that some process of the container was killed for want of
memory, maybe one that the container outlived for hours, and may come after the `die` that it explains. `OOMKilled` is
there in time and never goes away either: both come of a command that was killed while its agent's runner lived on. So
a container has run out of memory if the last event came with its end, or the mark is there and no event was heard.

Each death is looked at once, those that wait in one call, on the thread of the looks. Other exits are told at once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final, NamedTuple

from openclaw.containers.cli import Cli
from openclaw.containers.docker_calls import EngineCalls, NoThread, Rank
from openclaw.containers.docker_roster import Roster
from openclaw.containers.runtime import OUT_OF_MEMORY, Exit
from openclaw.errors import RuntimeFailure

log = logging.getLogger(__name__)

KILLED: Final = 137
"""128 + SIGKILL."""

WITH_IT: Final = 2.0
"""Seconds before an end within which a lack of memory is its cause; 0.02 to 0.1 were seen on a busy machine."""

_FIELDS: Final = "{{.Id}}\t{{.State.OOMKilled}}\t{{.State.FinishedAt}}"


class _State(NamedTuple):
    """What the engine says of a container that has ended; `ended` in seconds since 1970, by the engine's clock."""

    out_of_memory: bool
    ended: float


class Deaths:
    """`tell` is told each exit, with the cause where that is known."""

    def __init__(self, cli: Cli, looks: EngineCalls, roster: Roster, tell: Callable[[Exit], None]) -> None:
        self._cli = cli
        self._looks = looks
        self._roster = roster
        self._tell = tell
        self._lock = threading.Lock()
        self._waiting: dict[str, Exit] = {}  # by the engine's id; guarded by _lock

    def ended(self, exit_: Exit, *, unasked: bool) -> None:
        """A container has ended; any thread."""
        engine_id = self._roster.engine_id(exit_.cid)
        if not unasked or exit_.code != KILLED or engine_id is None:
            self._tell(exit_)
            return
        with self._lock:
            self._waiting[engine_id] = exit_
        try:
            self._looks.submit(Rank.MAIN, exit_.cid, self._look)
        except NoThread as error:
            log.warning("Why a container was killed is not looked at: %s", error)
            for untold in self._take().values():
                self._tell(untold)

    def _look(self) -> None:
        """On the thread of the looks: at all that wait, so that the calls behind find nothing to do."""
        untold = self._take()
        states = self._states(untold) if untold else {}
        try:
            while untold:
                engine_id, exit_ = untold.popitem()
                cause = OUT_OF_MEMORY if self._was_memory(engine_id, states.get(engine_id)) else exit_.detail
                self._tell(exit_._replace(detail=cause))
        finally:
            with self._lock:  # what raised costs no other its word: each has a call of its own behind this one
                self._waiting = {**untold, **self._waiting}

    def _take(self) -> dict[str, Exit]:
        with self._lock:
            waiting, self._waiting = self._waiting, {}
            return waiting

    def _was_memory(self, engine_id: str, state: _State | None) -> bool:
        heard = self._roster.last_out_of_memory(engine_id)
        if state is None:
            return False
        return state.out_of_memory if heard is None else heard >= state.ended - WITH_IT

    def _states(self, engine_ids: Collection[str]) -> dict[str, _State]:
        """What the engine says of each, as far as it does."""
        try:
            output = self._cli.run(["inspect", "--type=container", f"--format={_FIELDS}", *engine_ids])
            return dict(map(_parsed, output.stdout.splitlines()))
        except (RuntimeFailure, ValueError) as error:
            log.warning("Why %d containers were killed is not known: %s", len(engine_ids), error)
            return {}


def _parsed(line: str) -> tuple[str, _State]:
    """Raises ValueError for a line that was not asked for."""
    engine_id, out_of_memory, ended = line.split("\t")
    return engine_id, _State(out_of_memory == "true", datetime.fromisoformat(ended).timestamp())
