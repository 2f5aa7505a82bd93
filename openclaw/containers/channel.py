"""The drop-file channel to one container: the host's side of the protocol in `message.frames`.

What the host writes into `in/` and deletes in both directories is here; what it takes from the hostile `out/` is
`reception`'s. In `gw/`, beside them, is the socket by which the container reaches the model, where it has one. All
methods may be called from any thread; after `close`, none but `destroy`.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

from openclaw.containers.disposal import PREFIX, Disposal
from openclaw.containers.frame_set import FrameSet
from openclaw.containers.reception import FROM_CONTAINER, OnEvents, OnFrame, OnPause, OnViolation, Reception
from openclaw.errors import InvalidMessage, RuntimeFailure
from openclaw.message import (
    Frame,
    FrameKind,
    FrameName,
    dump_bytes,
    frame_name,
    is_name,
    load_object,
    parse_frame_name,
)
from openclaw.message.frames import MAX_FRAME, STAGING
from openclaw.spool import DropDir, Watcher, with_advice

log = logging.getLogger(__name__)

_BELONGS_TO: Final[dict[FrameKind, FrameKind]] = {
    "started": "request",
    "response": "request",
    "call": "request",
    "pong": "ping",
}


class Doors(Protocol):
    """Where containers reach the model: the gateway."""

    def admit(self, cid: str, group: str, directory: Path, in_flight: Callable[[str], bool]) -> None:
        """Listen in `directory` for the container `cid`, in which `in_flight` turns run. Raises RuntimeFailure."""
        ...

    def dismiss(self, cid: str) -> None:
        """The container is gone, or was never there."""
        ...


class Channels:
    """All channels of a home: `root`/CID.

    `uid` is the one that containers write with; None: the service's own. Without `doors` there is no model.
    """

    def __init__(self, root: Path, watcher: Watcher, uid: int | None = None, doors: Doors | None = None) -> None:
        self._root = root
        self._watcher = watcher
        self._uid = os.getuid() if uid is None else uid
        self._doors = doors
        self._disposal = Disposal()

    def close(self) -> None:
        """Have what was destroyed removed, within seconds. The channels stay as they are."""
        self._disposal.close()

    def create(self, cid: str, group: str = "") -> Channel:
        """Make the directories of a new channel; it is there as a whole, or not at all.

        With a `group` its container may reach the model on that group's account. Raises RuntimeFailure where the disk
        does not take it.
        """
        path = self._root / cid
        made = hidden = self._root / f".new.{cid}"
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            hidden.mkdir(mode=0o700)
            _make(hidden / "in", 0o755, None)
            owner = self._uid if self._uid != os.getuid() else None
            _make(hidden / "out", 0o700, owner)
            _make(hidden / "out" / STAGING, 0o700, owner)
            _make(hidden / "gw", 0o755, None)
            hidden.rename(path)
            made = path
            channel = self._channel(cid)
        except OSError as error:
            self._disposal.dispose(made)
            raise RuntimeFailure(with_advice(f"the channel {path} cannot be made", error)) from error
        if group:
            try:
                self.open_door(channel, group)
            except RuntimeFailure:
                channel.destroy()
                raise
        return channel

    def open_door(self, channel: Channel, group: str) -> None:
        """Let the container of `channel` reach the model on the account of `group`. Raises RuntimeFailure."""
        if self._doors is not None:
            self._doors.admit(channel.cid, group, channel.path / "gw", channel.serves)

    def open(self, cid: str) -> Channel:
        """A channel that is there already, as found after a restart. Raises RuntimeFailure where it is not; OSError."""
        path = self._root / cid
        if not is_name(cid) or not (path / "in").is_dir() or not (path / "out").is_dir():
            raise RuntimeFailure(f"the channel {path} is gone; its container can only be removed")
        return self._channel(cid)

    def _channel(self, cid: str) -> Channel:
        on_close = None if self._doors is None else self._doors.dismiss
        dispose = self._disposal.dispose
        return Channel(cid, self._root / cid, self._watcher, self._uid, dispose=dispose, on_close=on_close)

    def list(self) -> list[str]:
        """The cid of every channel on disk, in order."""
        try:
            return sorted(name for name in os.listdir(self._root) if is_name(name))
        except FileNotFoundError:
            return []

    def discard(self, cid: str) -> None:
        """Have a channel removed that is not open; one that is no channel any more too."""
        self._disposal.dispose(self._root / cid)

    def sweep(self) -> None:
        """Have removed what a process that is gone was making or removing. Before the first `create`."""
        try:
            names = os.listdir(self._root)
        except FileNotFoundError:
            return
        for name in names:
            if name.startswith((".new.", PREFIX)):
                self._disposal.dispose(self._root / name)


class Channel:
    """One container's channel. Made by `Channels`, which may raise OSError; `on_close` is told its cid once."""

    def __init__(
        self,
        cid: str,
        path: Path,
        watcher: Watcher,
        uid: int,
        *,
        dispose: Callable[[Path], None],
        on_close: Callable[[str], None] | None = None,
    ) -> None:
        self.cid = cid
        self.path = path
        self._dispose = dispose
        self._on_close = on_close
        self._in = DropDir(path / "in", staging=path)
        try:
            self._in.sweep_staging()
            self._out = _open_out(path / "out")
        except OSError:
            self._in.close()
            raise
        self._reception = Reception(
            cid, self._out, uid, watcher,
            expected=self._is_expected, has_result=self._has_result, in_flight=self._in_flight,
        )  # fmt: skip
        self._lock = threading.Lock()
        # Guarded by _lock: _open, the frames that lie in `in/`: only a request and a ping may be answered; how many of
        # them are requests; and _closed.
        self._open = FrameSet(parsed for name in self._in.names() if (parsed := parse_frame_name(name)))
        self._requests = sum(name.kind == "request" for name in self._open)
        self._closed = False

    def send(self, kind: FrameKind, frame_id: str, body: dict[str, Any], number: int = 0) -> None:
        """Place a frame in `in/`. Raises RuntimeFailure where the disk does not take it or it is beyond MAX_FRAME."""
        data = dump_bytes(body)
        if len(data) > MAX_FRAME:
            raise RuntimeFailure(f"the {kind} {frame_id} has {len(data)} bytes; a frame takes {MAX_FRAME}")
        name = FrameName(kind, frame_id, number)
        with self._lock:
            self._add(name)  # before the file is there: the answer may come before `place` returns
        try:
            self._in.place(frame_name(*name), data)
        except OSError as error:
            with self._lock:
                self._discard(name)
            raise RuntimeFailure(with_advice(f"the channel {self.path} takes no file", error)) from error

    def answer(self, call: FrameName, body: dict[str, Any]) -> None:
        """Place the result of a call, then delete the call. Nothing happens where its turn is over by now.

        Raises RuntimeFailure as `send` does.
        """
        if not self._is_expected(call):
            return
        self.send("result", call.id, body, call.number)
        self._reception.answered(call)
        if not self._is_expected(call):  # its turn has ended meanwhile
            self.forget(call.id)

    def forget(self, frame_id: str) -> None:
        """Delete everything of the turn `frame_id`, in both directions. Raises OSError."""
        with self._lock:
            mine = self._open.take(frame_id, keep="ping")
            self._requests -= sum(name.kind == "request" for name in mine)
        answered = self._reception.forget(frame_id)  # first: a disk that fails must not keep the rest of the turn here
        for name in mine:
            if answered and name.kind == "request":
                self._in.retire(frame_name(*name))  # it was read, so that nobody can take the next one for it
            else:
                self._in.remove(frame_name(*name))

    def serves(self, turn_id: str) -> bool:
        """Whether the turn was asked of this container, and is not forgotten."""
        with self._lock:
            return FrameName("request", turn_id) in self._open

    def pending(self) -> dict[str, dict[str, Any]]:
        """The requests that were not forgotten, as id → body, oldest first; {} for one that a power cut damaged."""
        parsed = (parse_frame_name(name) for name in self._in.names())
        requests = [name.id for name in filter(None, parsed) if name.kind == "request"]
        return {frame_id: self._request(frame_id) for frame_id in requests}

    def _request(self, frame_id: str) -> dict[str, Any]:
        try:
            frame = self.peek("request", frame_id)
        except InvalidMessage as error:
            log.warning("%s of channel %s is damaged: %s", frame_name("request", frame_id), self.cid, error)
            frame = None
        return {} if frame is None else frame.body

    def peek(self, kind: FrameKind, frame_id: str) -> Frame | None:
        """A frame as it lies on disk, None where there is none. Raises ChannelViolation where it is not one."""
        if kind in FROM_CONTAINER:
            return self._reception.peek(kind, frame_id)
        try:
            return Frame(kind, frame_id, load_object(self._in.read(frame_name(kind, frame_id), MAX_FRAME).data))
        except FileNotFoundError:
            return None

    def written_at(self, kind: FrameKind, frame_id: str) -> float | None:
        """When the container wrote a frame, in seconds since 1970 as it says; None where there is none."""
        try:
            return self._out.origin(frame_name(kind, frame_id)).mtime_ns / 1e9
        except OSError:
            return None

    def listen(
        self, on_frame: OnFrame, on_events: OnEvents, on_violation: OnViolation, on_pause: OnPause | None = None
    ) -> None:
        """Deliver each frame of the container once, those that lie there first; a violation once, as the last call.

        They come on the watcher's thread, the first ones on this one, never on both at once. `started` and `response`
        stay on disk until `forget`, a call until `answer`; a pong is removed, with its ping, when it is taken. Events
        are delivered from the first on, also by a process that takes over a channel. Calls beyond what a turn may have
        open wait for results of it; after `on_pause` everything waits for `go_on`.
        """

        def deliver(frame: Frame) -> None:
            if frame.kind == "pong":
                with self._lock:
                    self._open.discard(FrameName("ping", frame.id))
                self._in.remove(frame_name("ping", frame.id))
            on_frame(frame)

        self._reception.listen(deliver, on_events, on_violation, on_pause)

    def go_on(self) -> None:
        """All that was delivered is handled: deliver what has waited for that."""
        self._reception.go_on()

    def stop_listening(self) -> None:
        """Deliver nothing more: the container is to go. What it has left stays, to be looked at and forgotten."""
        self._reception.stop()

    def close(self) -> None:
        """Deliver nothing more, but for a call that is under way, and let go of the directories as they are."""
        with self._lock:
            closed, self._closed = self._closed, True
        if not closed:
            if self._on_close is not None:
                self._on_close(self.cid)
            self._reception.close(self._close_directories)

    def destroy(self) -> None:
        """Close, and have the directories removed: the name is free at once, and nobody waits for what lies there."""
        self.close()
        self._dispose(self.path)

    def _is_expected(self, name: FrameName) -> bool:
        with self._lock:
            return FrameName(_BELONGS_TO[name.kind], name.id) in self._open

    def _in_flight(self) -> int:
        with self._lock:
            return self._requests

    def _add(self, name: FrameName) -> None:
        """Called with _lock held."""
        self._requests += name.kind == "request" and name not in self._open
        self._open.add(name)

    def _discard(self, name: FrameName) -> None:
        """Called with _lock held."""
        self._requests -= name.kind == "request" and name in self._open
        self._open.discard(name)

    def _has_result(self, call: FrameName) -> bool:
        with self._lock:
            return FrameName("result", call.id, call.number) in self._open

    def _close_directories(self) -> None:
        self._in.close()
        self._out.close()


def _open_out(path: Path) -> DropDir:
    """What the container has made of its staging folder is not followed: then what it wrote is removed, not kept."""
    try:
        return DropDir(path, staging=path / STAGING)
    except OSError as error:
        log.debug("%s has no staging folder: %s", path, error.strerror)
        return DropDir(path)


def _make(path: Path, mode: int, owner: int | None) -> None:
    """A directory with exactly this mode, whatever the umask, handed over to `owner`."""
    path.mkdir()
    path.chmod(mode)
    if owner is not None:
        os.chown(path, owner, owner)
