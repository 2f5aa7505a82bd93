"""The channel, as seen from the container: frames come in `in/`, frames go out to `out/`.

`Incoming` belongs to the watcher's thread: all its state is touched there only. `Outgoing` keeps no state, any
thread may write. The directory is the truth: what came is found by looking, an event only says where to look.
Whatever lies in `in/` was written by the host, which is trusted; nothing there is ever deleted or changed from here.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from agent_runner.health import Health
from agent_runner.turns import Response, Turn, Turns, response
from openclaw.errors import FileRefused, InvalidMessage
from openclaw.message import FrameKind, Message, dump_bytes, frame_name, load_object, parse_frame_name
from openclaw.message.frames import MAX_FRAME
from openclaw.spool import IN_CLOSE_WRITE, IN_CREATE, IN_DELETE, IN_MOVED_TO, DropDir, Origin, Watch, Watcher

log = logging.getLogger(__name__)


class Outgoing:
    """Writes frames for the host, each hidden first and then renamed. Raises OSError where the disk takes none."""

    def __init__(self, path: Path) -> None:
        self._directory = DropDir(path)

    def started(self, turn_id: str) -> None:
        self._place("started", turn_id, {})

    def response(self, turn_id: str, body: Response) -> None:
        self._place("response", turn_id, body)

    def pong(self, ping_id: str, body: dict[str, Any]) -> None:
        self._place("pong", ping_id, body)

    def _place(self, kind: FrameKind, frame_id: str, body: dict[str, Any]) -> None:
        self._directory.place(frame_name(kind, frame_id), dump_bytes(body))


class Incoming:
    """Hands each frame in `path` on once: requests and cancels to `turns`, pings to `health`."""

    def __init__(self, path: Path, watcher: Watcher, turns: Turns, health: Health, outgoing: Outgoing) -> None:
        self._path = path
        self._directory = DropDir(path)
        self._watcher = watcher
        self._turns = turns
        self._health = health
        self._outgoing = outgoing
        # Each frame that was handed on and is still there. As large as the directory at most.
        self._seen: dict[str, Origin] = {}
        # Requests wait in the directory until there is room: then a scan takes them, in their order.
        self._behind = False

    def listen(self) -> Watch:
        """Hand on what is there, oldest first, and from now on what comes."""
        watch = self._watcher.watch(
            self._path, self._on_change, mask=IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE
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
        if self._seen.get(name) != origin and self._hand_on(name, *frame):
            self._seen[name] = origin

    def _hand_on(self, name: str, kind: FrameKind, frame_id: str) -> bool:
        """Whether the frame is dealt with."""
        if kind == "request":
            self._turns.withdraw(frame_id)  # an earlier one of this id, which the host has replaced
            return self._request(name, frame_id)
        if kind == "cancel":
            self._turns.cancel(frame_id)
        elif kind == "ping":
            self._health.ping(frame_id)
        return True

    def _request(self, name: str, turn_id: str) -> bool:
        if self._behind:
            return False
        try:
            turn = _parse(self._directory.read(name, MAX_FRAME).data, turn_id)
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

    def _forget(self, name: str) -> None:
        """The host has deleted the frame: a request's turn has nobody left who asks for it."""
        frame = parse_frame_name(name)
        if self._seen.pop(name, None) is not None and frame is not None and frame[0] == "request":
            self._turns.withdraw(frame[1])


def _parse(data: bytes, turn_id: str) -> Turn:
    """The turn that a request frame asks for. Its time limit is kept by the host, who sends a cancel."""
    body = load_object(data)
    asked, attempt = body.get("message"), body.get("attempt", 1)
    if not isinstance(asked, dict):
        raise InvalidMessage('a request needs "message", an object')
    if not isinstance(attempt, int) or attempt < 1:
        raise InvalidMessage('"attempt" must be a whole number from 1')
    return Turn(Message.from_json(asked).with_id(turn_id), attempt)
