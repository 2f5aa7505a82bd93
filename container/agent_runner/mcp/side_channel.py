"""SideChannel: calls to the host by a process that is not the runner, over the same container's channel.

Every call works for a turn that is in flight here. Its number is one of SIDE_CALLS, which the runner never takes. Among
such processes a lock on `out/` sees to it that no number of a turn is taken twice: under it a number is free whose call
and result are both missing, for the host deletes a call only when its result is there, and both only with the turn.

`ask` blocks a thread of the caller; results come on the watcher's. Nothing is read or written under the table's lock.
"""

from __future__ import annotations

import fcntl
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from agent_runner.calls import value_of
from agent_runner.cancel import Cancel
from agent_runner.engines.engine import TurnCancelled
from agent_runner.request import parse_request
from agent_runner.wire import to_bytes
from openclaw.errors import CallRefused, FileRefused, InvalidMessage
from openclaw.message import frame_name, load_object, parse_frame_name
from openclaw.message.frames import MAX_FRAME, SIDE_CALLS
from openclaw.spool import DROPPED, IN_DELETE, DropDir, Watcher

LOCK_TRIES: Final = 50
LOCK_PAUSE: Final = 0.1
"""Seconds between two tries for the lock. Others have it for less than a millisecond, unless they were stopped."""

Results = queue.SimpleQueue[dict[str, Any] | None]


class SideChannel:
    """Calls over the channel at `path`, for the turn `turn_id`, or without for the oldest one in flight.

    Raises FileNotFoundError where no channel is there.
    """

    def __init__(self, path: Path, turn_id: str = "") -> None:
        self._in = DropDir(path / "in", create_mode=None)
        self._out = DropDir(path / "out", create_mode=None)
        self._turn_id = turn_id
        # The lock on out/ is between processes, this one within: held while a call is placed, guarding _watcher.
        self._placing = threading.Lock()
        self._watcher: Watcher | None = None
        self._lock = threading.Lock()
        # Guarded by _lock: the calls that wait, (turn, number) → where the result goes.
        self._waiting: dict[tuple[str, int], Results] = {}

    def ask(self, tool: str, arguments: dict[str, Any], cancel: Cancel) -> dict[str, Any]:
        """What the host answers. Raises CallRefused with its reason, and TurnCancelled once `cancel` is set."""
        data = to_bytes({"tool": tool, "arguments": arguments})
        if len(data) > MAX_FRAME:
            raise CallRefused(f"the call has {len(data)} bytes, and the host takes {MAX_FRAME}")
        try:
            turn_id = self._turn_in_flight()
            left = self._time_left(turn_id)
            results: Results = queue.SimpleQueue()
            number = self._place(turn_id, data, results, cancel)
        except OSError as error:
            raise CallRefused(f"the host could not be asked for {tool}: {error.strerror}") from error
        try:
            with cancel.calling(lambda: results.put(None)):
                self._look(turn_id, number)  # it may have come before anybody could be told
                body = results.get(timeout=left)
        except queue.Empty:
            raise CallRefused(f"the host did not answer {tool} before the turn's time was over") from None
        finally:
            with self._lock:
                del self._waiting[turn_id, number]
        if body is None:
            raise TurnCancelled
        return value_of(body)

    def close(self) -> None:
        """Let go of the channel; no call is under way."""
        if self._watcher is not None:
            self._watcher.close()
        self._in.close()
        self._out.close()

    # Which turn

    def _turn_in_flight(self) -> str:
        """The turn that the call works for: one that runs, which is to say that it has begun and is not answered."""
        if self._turn_id:
            if not self._runs(self._turn_id):
                raise CallRefused(f"the turn {self._turn_id} does not run in this container")
            return self._turn_id
        frames = filter(None, map(parse_frame_name, self._in.names()))  # oldest first
        for frame in frames:
            if frame.kind == "request" and self._runs(frame.id):
                return frame.id
        raise CallRefused("no turn runs in this container, and a call works for one: send a message first")

    def _runs(self, turn_id: str) -> bool:
        begun = self._in.exists(frame_name("request", turn_id)) and self._out.exists(frame_name("started", turn_id))
        return begun and not self._out.exists(frame_name("response", turn_id))

    def _time_left(self, turn_id: str) -> float:
        """Seconds until the turn's time is over."""
        try:
            request = self._in.read(frame_name("request", turn_id), MAX_FRAME)
            begun = self._out.origin(frame_name("started", turn_id)).mtime_ns / 1e9
            limit = parse_request(request.data, turn_id).limit
        except (FileNotFoundError, FileRefused, InvalidMessage) as error:
            raise CallRefused(f"the turn {turn_id} is over: {error}") from error
        return max(1.0, limit - (time.time() - begun))

    # Asking

    def _place(self, turn_id: str, data: bytes, results: Results, cancel: Cancel) -> int:
        """Place the call under a number of its own, its result awaited already. Raises OSError."""
        with self._placing, self._locked(cancel):
            self._watch()
            for number in SIDE_CALLS:
                # In this order: a call that is gone by now has left its result.
                if self._out.exists(frame_name("call", turn_id, number)):
                    continue
                if self._in.exists(frame_name("result", turn_id, number)):
                    continue
                with self._lock:
                    self._waiting[turn_id, number] = results
                try:
                    self._out.place(frame_name("call", turn_id, number), data, replace=False)
                except OSError:
                    with self._lock:
                        del self._waiting[turn_id, number]
                    raise
                return number
        raise CallRefused(f"a turn may be asked for {len(SIDE_CALLS)} times from beside; finish this one")

    @contextmanager
    def _locked(self, cancel: Cancel) -> Iterator[None]:
        """Keep other processes from placing calls. Raises CallRefused and TurnCancelled."""
        for _ in range(LOCK_TRIES):
            try:
                fcntl.flock(self._out.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if cancel.wait(LOCK_PAUSE):
                    raise TurnCancelled from None
        else:
            raise CallRefused("another process keeps the channel to itself; was it stopped?")
        try:
            yield
        finally:
            fcntl.flock(self._out.fd, fcntl.LOCK_UN)

    # Results

    def _watch(self) -> None:
        """Have changes in `in/` told from the first call on. Called with _placing held."""
        if self._watcher is None:
            self._watcher = Watcher()
            self._watcher.start()
            self._watcher.watch(self._in.path, self._changed, DROPPED | IN_DELETE)

    def _changed(self, name: str | None) -> None:
        frame = parse_frame_name(name) if name is not None else None
        with self._lock:
            waiting = list(self._waiting)
        for turn_id, number in waiting:
            if frame is None or (frame.id == turn_id and frame.number in (0, number)):
                self._look(turn_id, number)

    def _look(self, turn_id: str, number: int) -> None:
        """Hand on what there is to a call that waits: its result, or that its turn is over."""
        body: dict[str, Any] | None = None
        try:
            body = load_object(self._in.read(frame_name("result", turn_id, number), MAX_FRAME).data)
        except FileNotFoundError:
            if not self._in.exists(frame_name("request", turn_id)):
                body = {"error": f"the turn {turn_id} is over; the host may have done it all the same"}
        except (FileRefused, InvalidMessage) as error:
            body = {"error": f"the host's result is malformed: {error}"}
        if body is not None:
            with self._lock:
                results = self._waiting.get((turn_id, number))
            if results is not None:
                results.put(body)
