"""Turns: sessions side by side, the turns of one session in the order in which they were submitted.

Owns the lanes, one for each (group, session) that has turns, and the worker threads. `submit`, `cancel` and
`withdraw` come from the channel's thread; the callbacks run on a worker's thread, or on the caller's where a turn
ends before it began. Reads and writes no file, and lets nobody wait for a turn.
"""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, ParamSpec

from agent_runner.engines import Engine, TurnCancelled, TurnCut
from agent_runner.host import TurnHost
from agent_runner.turn import State, Turn
from openclaw.errors import OpenClawError

log = logging.getLogger(__name__)

MAX_WORKERS = 256
"""Turns that run at once; below the limit on processes that a container is given."""

MAX_HELD = 512
"""Turns that run or wait; the others stay files in the channel, so that memory has a bound."""

IDLE_SECONDS = 30.0
"""How long a worker without work stays before its thread ends."""

DISK_RETRY = 1.0
"""Seconds between two tries to tell the host something for which its disk is too full."""

_PASSES = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE)

P = ParamSpec("P")
Response = dict[str, Any]


def response(status: str, text: str = "", error: str = "", agent_ms: int = 0) -> Response:
    """The body of a response frame; `agent_ms` is the engine's own time in whole milliseconds."""
    body: Response = {"status": status, "text": text, "agent_ms": agent_ms}
    if error:
        body["error"] = error
    return body


class Turns:
    """Runs turns by `engine`, each with the host that `host_of` makes for it.

    Tells `on_started(id)`, then `on_response(id, body)`; of a withdrawn one nothing more.
    """

    def __init__(
        self,
        engine: Engine,
        host_of: Callable[[Turn], TurnHost],
        on_started: Callable[[str], None],
        on_response: Callable[[str, Response], None],
        *,
        max_workers: int = MAX_WORKERS,
        max_held: int = MAX_HELD,
    ) -> None:
        self._engine = engine
        self._host_of = host_of
        self._on_started = on_started
        self._on_response = on_response
        self._max_workers = max_workers
        self._max_held = max_held
        self._changed = threading.Condition()
        # Guarded by _changed: _held (id → turn that is not over), _lanes, _ready, _workers, _idle, _on_room and every
        # Turn.state. Callbacks run without it.
        # A lane holds the turns that wait. It is in _lanes while one of its turns waits or runs, and in _ready when a
        # worker may take the first.
        self._held: dict[str, Turn] = {}
        self._lanes: dict[tuple[str, str], deque[Turn]] = {}
        self._ready: deque[tuple[str, str]] = deque()
        self._workers = 0
        self._idle = 0
        self._on_room: Callable[[], None] | None = None

    @property
    def count(self) -> int:
        """Turns that run or wait."""
        with self._changed:
            return len(self._held)

    def submit(self, turn: Turn) -> bool:
        """Run `turn` after the earlier ones of its session; False where too many are held. Its id must not be held."""
        with self._changed:
            if len(self._held) >= self._max_held:
                return False
            self._held[turn.id] = turn
            hands_needed = self._enqueue(turn)
            self._workers += hands_needed
        if hands_needed:
            self._start_worker()
        return True

    def when_room(self, callback: Callable[[], None]) -> None:
        """Call `callback` once, when no more than half of what may be held is; it replaces an earlier one."""
        with self._changed:
            self._on_room = callback
        self._tell_room()

    def cancel(self, turn_id: str) -> None:
        """End the turn: one that runs is told to, one that waits is answered at once. An unknown id is over already."""
        with self._changed:
            turn = self._held.get(turn_id)
        if turn is not None:
            turn.cancel.set()
            self._answer_waiting(turn, response("cancelled"))

    def withdraw(self, turn_id: str) -> None:
        """End the turn without a response: nobody asks for it any more."""
        with self._changed:
            turn = self._held.get(turn_id)
            if turn is not None:
                self._end(turn)
        if turn is not None:
            turn.cancel.set()
            self._tell_room()

    def _enqueue(self, turn: Turn) -> bool:
        """Put the turn in its lane; whether one more worker is needed for it. _changed is held."""
        if turn.lane in self._lanes:
            self._lanes[turn.lane].append(turn)
            return self._workers == 0  # none could be started when the lane's first turn came
        self._lanes[turn.lane] = deque([turn])
        self._ready.append(turn.lane)
        if self._idle >= len(self._ready):
            self._changed.notify()
            return False
        return self._workers < self._max_workers

    def _start_worker(self) -> None:
        try:
            threading.Thread(target=self._work, name="turns", daemon=True).start()
        except RuntimeError:  # the container's limit on processes; the workers that there are go on
            log.warning("no further thread can be started: raise the container's limit on processes")
            with self._changed:
                self._workers -= 1
                stranded = [] if self._workers else list(self._held.values())
            for turn in stranded:
                self._answer_waiting(turn, response("failed", error="the container can start no thread for this turn"))

    def _answer_waiting(self, turn: Turn, body: Response) -> None:
        with self._changed:
            mine = turn.state is State.WAITING and self._end(turn)
        if mine:
            self._on_response(turn.id, body)
            self._tell_room()

    def _tell_room(self) -> None:
        with self._changed:
            if self._on_room is None or len(self._held) > self._max_held // 2:
                return
            callback, self._on_room = self._on_room, None
        callback()

    def _work(self) -> None:
        while (turn := self._next()) is not None:
            try:
                self._run(turn)
            except Exception:  # the top of the thread: a disk that takes no frame must not end the worker
                log.exception("turn %s could not be told to the host", turn.id)
            with self._changed:
                self._advance(turn.lane)
            self._tell_room()

    def _next(self) -> Turn | None:
        """The next turn to run, now RUNNING; None once there was nothing to do for IDLE_SECONDS."""
        with self._changed:
            while True:
                while not self._ready:
                    self._idle += 1
                    told = self._changed.wait(IDLE_SECONDS)
                    self._idle -= 1
                    if not told and not self._ready:
                        self._workers -= 1
                        return None
                key = self._ready.popleft()
                if self._lanes[key]:
                    turn = self._lanes[key].popleft()
                    turn.state = State.RUNNING
                    return turn
                del self._lanes[key]  # what waited there has been cancelled

    def _advance(self, lane: tuple[str, str]) -> None:
        """The lane's first turn is over: its next one is due. _changed is held."""
        if self._lanes[lane]:
            self._ready.append(lane)
        else:
            del self._lanes[lane]

    def _end(self, turn: Turn) -> bool:
        """Make the turn OVER; True for the one caller that did, who then answers it. _changed is held."""
        if turn.state is State.OVER:
            return False
        if turn.state is State.WAITING:
            self._lanes[turn.lane].remove(turn)
        turn.state = State.OVER
        del self._held[turn.id]
        return True

    def _run(self, turn: Turn) -> None:
        try:
            _tell(turn, self._on_started, turn.id)
            body = self._answer(turn)
        finally:
            with self._changed:
                wanted = self._end(turn)
        if wanted:
            _tell(turn, self._on_response, turn.id, body)

    def _answer(self, turn: Turn) -> Response:
        begun = time.monotonic()
        text, error, cut = "", "", ""
        host = self._host_of(turn)
        try:
            text = self._engine.answer(turn.task, host)
        except OpenClawError as refused:
            error = str(refused)
            cut = refused.text if isinstance(refused, TurnCut | TurnCancelled) else ""
        except Exception as failure:  # the engine's fault is one turn's failure, not the runner's
            log.exception("the engine failed on %s", turn.id)
            error = f"the engine failed: {type(failure).__name__}: {failure}; the container's log has the traceback"
        finally:
            host.close()
        agent_ms = round((time.monotonic() - begun) * 1000)
        if turn.cancel.is_set():
            body = response("cancelled", cut, agent_ms=agent_ms)
        else:
            body = response("failed" if error else "done", text or cut, error, agent_ms)
        if host.recorded is not None:
            body["record"] = host.recorded.to_json()
        return body


def _tell(turn: Turn, tell: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """Tell the host, as soon as its disk takes it; without, the host would wait for the turn's time limit.

    Given up where nobody waits for the turn any more. Raises what `tell` raises then, and any other error.
    """
    while True:
        try:
            tell(*args, **kwargs)
            return
        except OSError as error:
            if error.errno not in _PASSES or turn.cancel.is_set():
                raise
            log.warning("turn %s waits for room on the disk", turn.id)
        turn.cancel.wait(DISK_RETRY)
