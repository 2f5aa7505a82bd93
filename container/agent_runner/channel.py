"""The channel, as seen from the container: frames come in `in/`, frames and events go out to `out/`.

`Incoming` belongs to the watcher's thread: all its state is touched there only. `Outgoing` keeps no state, any
thread may write. The directory is the truth: what came is found by looking, an event only says where to look.
The host makes the channel and takes it away: where it is gone, nothing is made in its place.
Whatever lies in `in/` was written by the host, which is trusted; nothing there is ever deleted or changed from here.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from agent_runner.calls import Calls
from agent_runner.health import Health
from agent_runner.request import parse_request
from agent_runner.turns import Response, Turns, response
from agent_runner.wire import to_bytes
from openclaw.errors import CallRefused, FileRefused, InvalidMessage
from openclaw.message import FrameName, events_name, frame_name, load_object, parse_frame_name
from openclaw.message.frames import MAX_CALL, MAX_FRAME, STAGING
from openclaw.spool import IN_DELETE, IN_MOVED_FROM, IN_MOVED_TO, DropDir, Origin, Watch, Watcher

log = logging.getLogger(__name__)

_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class Outgoing:
    """Writes frames for the host, each hidden first and then renamed. Raises OSError where the disk takes none."""

    def __init__(self, path: Path) -> None:
        staging = path / STAGING
        staging.mkdir(exist_ok=True)
        self._directory = DropDir(path, create_mode=None, staging=staging)

    def started(self, turn_id: str) -> None:
        self._directory.place(frame_name("started", turn_id), to_bytes({}))

    def response(self, turn_id: str, body: Response) -> None:
        """Where it is beyond what the host takes, the session goes without; an answer too long becomes a failure."""
        data = to_bytes(body)
        if len(data) > MAX_FRAME and body.pop("record", None) is not None:
            log.warning("turn %s leaves nothing to its session: its answer alone is too long", turn_id)
            data = to_bytes(body)
        if len(data) > MAX_FRAME:
            error = f"the answer has {len(data)} bytes, and the host takes {MAX_FRAME}"
            data = to_bytes(response("failed", error=error, agent_ms=body["agent_ms"]))
        self._directory.place(frame_name("response", turn_id), data)

    def pong(self, ping_id: str, body: dict[str, Any]) -> None:
        self._directory.place(frame_name("pong", ping_id), to_bytes(body))

    def call(self, turn_id: str, number: int, body: dict[str, Any]) -> None:
        """Raises CallRefused where it is beyond what the host takes."""
        data = to_bytes(body)
        if len(data) > MAX_CALL:
            raise CallRefused(f"the call has {len(data)} bytes, and the host takes {MAX_CALL}")
        self._directory.place(frame_name("call", turn_id, number), data)

    def open_events(self, turn_id: str) -> int:
        """A descriptor that appends to the turn's events; the caller closes it."""
        return os.open(events_name(turn_id), _APPEND, 0o644, dir_fd=self._directory.fd)


class Incoming:
    """Hands each frame in `path` on once: requests and cancels to `turns`, results to `calls`, pings to `health`."""

    def __init__(
        self, path: Path, watcher: Watcher, *, turns: Turns, calls: Calls, health: Health, outgoing: Outgoing
    ) -> None:
        self._path = path
        self._directory = DropDir(path, create_mode=None)
        self._watcher = watcher
        self._turns = turns
        self._calls = calls
        self._health = health
        self._outgoing = outgoing
        # Each frame that was handed on and is still there. As large as the directory at most.
        self._seen: dict[str, Origin] = {}
        # Requests wait in the directory until there is room: then a scan takes them, in their order.
        self._behind = False

    def listen(self) -> Watch:
        """Hand on what is there, oldest first, and from now on what comes."""
        watch = self._watcher.watch(
            self._path, self._on_change, mask=IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE
        )
        self._watcher.tick()
        return watch

    def _on_change(self, name: str | None) -> None:
        if name is None:
            self._scan()
        else:
            self._look(name)

    def _scan(self) -> None:
        self._behind = False
        names = self._directory.names()
        for gone in self._seen.keys() - set(names):
            self._forget(gone)
        for name in names:
            self._look(name)

    def _look(self, name: str) -> None:
        frame = parse_frame_name(name)
        if frame is None:
            return
        try:
            origin = self._directory.origin(name)
        except FileNotFoundError:
            self._forget(name)
            return
        if self._seen.get(name) != origin and self._hand_on(name, frame):
            self._seen[name] = origin

    def _hand_on(self, name: str, frame: FrameName) -> bool:
        """Whether the frame is dealt with."""
        if frame.kind == "request":
            self._turns.withdraw(frame.id)  # an earlier one of this id, which the host has replaced
            return self._request(name, frame.id)
        if frame.kind == "cancel":
            self._turns.cancel(frame.id)
        elif frame.kind == "result":
            self._result(name, frame)
        elif frame.kind == "ping":
            self._health.ping(frame.id)
        return True

    def _request(self, name: str, turn_id: str) -> bool:
        if self._behind:
            return False
        try:
            turn = parse_request(self._directory.read(name, MAX_FRAME).data, turn_id)
        except FileNotFoundError:  # withdrawn meanwhile
            return True
        except (FileRefused, InvalidMessage) as error:
            log.warning("request %s is refused: %s", turn_id, error)
            self._outgoing.response(turn_id, response("failed", error=f"the request is malformed: {error}"))
            return True
        if not self._turns.submit(turn):
            self._behind = True
            self._turns.when_room(self._watcher.tick)
            return False
        if self._directory.exists(frame_name("cancel", turn_id)):  # it came first
            self._turns.cancel(turn_id)
        return True

    def _result(self, name: str, frame: FrameName) -> None:
        try:
            body = load_object(self._directory.read(name, MAX_FRAME).data)
        except FileNotFoundError:  # the host has given the turn up
            return
        except (FileRefused, InvalidMessage) as error:
            log.warning("%s is refused: %s", name, error)
            body = {"error": f"the host's result is malformed: {error}"}
        if not self._calls.result(frame.id, frame.number, body):
            log.debug("%s comes for nobody: its turn is over, or did not wait so long", name)

    def _forget(self, name: str) -> None:
        """The host has deleted the frame: a request's turn has nobody left who asks for it."""
        frame = parse_frame_name(name)
        if self._seen.pop(name, None) is not None and frame is not None and frame.kind == "request":
            self._turns.withdraw(frame.id)
