"""Ends: containers are killed and removed here, and it is known of each whether somebody had asked for its end.

One that ended unasked has its last lines logged before it is removed. The steps run on the threads of the changes;
whatever ends a container goes by the engine's id, so that the next one of its name is not touched.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection
from concurrent.futures import Future
from functools import partial
from typing import Final

from openclaw.containers import last_words
from openclaw.containers.cli import Cli
from openclaw.containers.docker_calls import EngineCalls, NoThread, Rank
from openclaw.containers.docker_removals import Removals
from openclaw.containers.docker_roster import Roster
from openclaw.containers.docker_run import Known
from openclaw.errors import EngineOverdue, RuntimeFailure

log = logging.getLogger(__name__)

LAST_LINES: Final = 50
"""Lines of a container that ended unasked which are read for the log."""

_OVER: Final = ("No such container", "is not running", "already in progress")
"""What the engine says of a container that is over already."""


class Ends:
    """`timeout` is for one kill or removal, in seconds."""

    def __init__(self, cli: Cli, changes: EngineCalls, roster: Roster, timeout: float) -> None:
        self._cli = cli
        self._changes = changes
        self._roster = roster
        self._timeout = timeout
        self.removals: Final = Removals(
            changes, roster.find, self.remove_now, is_starting=roster.is_starting
        )
        self._lock = threading.Lock()
        # Guarded by _lock: for each container that is to end or has ended, until a look does not find it any more,
        # whether somebody had asked for that.
        self._asked: dict[str, bool] = {}

    def kill(self, cid: str) -> Future[None]:
        self._note_wish(cid)
        done: Future[None] = Future()
        try:
            self._changes.submit(Rank.MAIN, cid, partial(self._kill, cid, done))
        except NoThread as error:
            done.set_exception(error)
        return done

    def remove(self, cid: str, *, urgent: bool) -> Future[None]:
        self._note_wish(cid)
        return self.removals.ask(cid, urgent=urgent)

    def remove_now(self, cid: str, known: Known) -> None:
        """Blocks; raises RuntimeFailure where the engine does not do it."""
        with self._lock:
            unasked = self._asked.get(cid) is False
        if unasked:
            self._tell_last_words(known)
            with self._lock:
                self._asked[cid] = True  # it is told once
        self._end("rm", "--force", "--volumes", known.engine_id)

    def ended(self, cid: str) -> bool:
        """A container has ended; whether nobody here had asked for that."""
        with self._lock:
            return not self._asked.setdefault(cid, False)

    def looked(self, listed: Collection[str]) -> None:
        """The engine has listed these containers, and the removals that are left may be tried again."""
        with self._lock:
            self._asked = {cid: asked for cid, asked in self._asked.items() if cid in listed}
        self.removals.again()

    def _note_wish(self, cid: str) -> None:
        """What comes first counts: the wish, or the end."""
        with self._lock:
            self._asked.setdefault(cid, True)

    def _kill(self, cid: str, done: Future[None]) -> None:
        """On a thread of the changes."""
        if not done.set_running_or_notify_cancel():
            return
        try:
            known = self._roster.find(cid)
            if known is not None:
                self._end("kill", known.engine_id)
        except Exception as error:  # whatever it is belongs to the caller
            done.set_exception(error)
        else:
            done.set_result(None)

    def _end(self, *args: str) -> None:
        try:
            output = self._cli.run(args, self._timeout)
        except EngineOverdue:
            self._changes.doubt()
            raise
        self._changes.trust()
        if output.code != 0 and not any(text in output.stderr for text in _OVER):
            raise RuntimeFailure(f"the engine does not end container {args[-1][:12]}: {output.stderr[:500]}")

    def _tell_last_words(self, known: Known) -> None:
        try:
            output = self._cli.run(["logs", f"--tail={LAST_LINES}", known.engine_id])
        except RuntimeFailure as error:
            log.warning("What %s wrote last cannot be read: %s", known.name, error)
            return
        if output.code == 0 or output.stdout:  # a line without end is cut off, and that is an error of the call
            last_words.tell(known.name, f"{output.stdout}\n{output.stderr}")
