"""Reception: what the host dares to take from the `out/` of one container.

`out/` is hostile. Only names of frames that are expected are opened, as regular files of the container's uid with one
link and a bounded size; all else is a violation, told once, after which nothing more is taken.

What is honest and comes too fast waits in `out/`: a container is heard no further ahead of its owner's thread than
`pace` allows, and has no more calls open than `open_calls` does. To hold back is the simpler of the two ways, since
what waits is on disk and found by a look, and the safer one: how fast calls are answered is the host's doing, and no
container is to be ended for that.

Frames and events are delivered on the watcher's thread, those that lie there already on the thread that calls
`listen`; never on both at once. All methods may be called from any thread.
"""

from __future__ import annotations

import errno
import itertools
import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from openclaw.containers.event_tail import Event, EventTail
from openclaw.containers.frame_set import FrameSet
from openclaw.containers.litter import Litter
from openclaw.containers.open_calls import OpenCalls
from openclaw.containers.pace import Pace
from openclaw.errors import ChannelViolation, FileRefused, InvalidMessage
from openclaw.message import (
    Frame,
    FrameKind,
    FrameName,
    events_name,
    frame_name,
    load_object,
    parse_events_name,
    parse_frame_name,
)
from openclaw.message.frames import MAX_CALL, MAX_FRAME, MAX_SIGN, SIDE_CALLS
from openclaw.spool import DROPPED, IN_MODIFY, DropDir, Watch, Watcher

log = logging.getLogger(__name__)

MAX_ENTRIES: Final = 4096
PER_TURN: Final = 8
"""Entries that `out/` may hold, hidden ones included: some for each turn in flight, and room."""
REMEMBERED: Final = 1024
"""Turns that are over and may still be written of, since the host gave them up."""
MAX_FIRST_SCANS: Final = 8
"""Scans by `listen` while frames keep coming; the watcher's thread goes on with what comes after them."""

_LARGEST: Final[dict[FrameKind, int]] = {
    "started": MAX_SIGN, "response": MAX_FRAME, "pong": MAX_SIGN, "call": MAX_CALL,
}  # fmt: skip
"""What a frame may have in bytes: what a container can have the host read over and over is kept small."""

_SHORT: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""What the host runs out of; no container is to be ended for that."""

FROM_CONTAINER: Final = tuple(_LARGEST)

OnFrame = Callable[[Frame], None]
OnEvents = Callable[[str, list[Event]], None]
"""Called with a turn's id and what has happened in it since the last call."""
OnViolation = Callable[[str], None]
OnPause = Callable[[], None]
"""So much was delivered that nothing more is, until `go_on`; to be called when all of that is handled."""


class Reception:
    """Takes frames and events from `directory`.

    `expected(name)` says whether one belongs to something in flight, `has_result(name)` whether a call was answered
    already, `in_flight()` how many turns are.
    """

    def __init__(
        self,
        cid: str,
        directory: DropDir,
        uid: int,
        watcher: Watcher,
        *,
        expected: Callable[[FrameName], bool],
        has_result: Callable[[FrameName], bool],
        in_flight: Callable[[], int],
    ) -> None:
        self._cid = cid
        self._directory = directory
        self._uid = uid
        self._watcher = watcher
        self._expected = expected
        self._has_result = has_result
        self._in_flight = in_flight
        self._watch: Watch | None = None
        self._on_frame: OnFrame = _ignore
        self._on_events: OnEvents = _ignore_events
        self._on_violation: OnViolation = _ignore
        self._on_pause: OnPause = self.go_on
        # These belong to the thread that takes: one at a time.
        self._litter = Litter(cid, directory)
        self._tails: dict[str, EventTail] = {}
        self._lock = threading.Lock()
        # Guarded by _lock: all of these.
        self._delivered = FrameSet()  # calls aside
        self._reading: FrameName | None = None  # its file is no spare: the container would write over it meanwhile
        self._calls = OpenCalls()
        self._pace = Pace()
        self._forgotten: set[str] = set()  # ids whose tails are to be closed by the thread that takes
        self._over: deque[str] = deque(maxlen=REMEMBERED)
        self._listening = False
        self._first_scan = False  # `listen` takes; the watcher's thread asks for another scan by _again
        self._again = False
        self._taking = False
        self._when_idle: Callable[[], None] | None = None

    def listen(
        self, on_frame: OnFrame, on_events: OnEvents, on_violation: OnViolation, on_pause: OnPause | None = None
    ) -> None:
        """Deliver each frame and event once, those that lie there first; a violation once, as the last call.

        Without `on_pause` what is delivered counts as handled.
        """
        if self._watch is not None:
            self._watch.close()
        self._on_frame, self._on_events, self._on_violation = on_frame, on_events, on_violation
        self._on_pause = on_pause or self.go_on
        with self._lock:
            self._delivered.clear()
            self._calls.clear()
            self._pace.go_on()
            self._listening = self._first_scan = self._again = True
        if self._is_heap():
            return
        self._watch = self._watcher.watch(self._directory.path, self._changed, DROPPED | IN_MODIFY, hostile=True)
        for _ in range(MAX_FIRST_SCANS):
            with self._lock:
                again, self._again = self._again, False
                self._first_scan = again
            if not again:
                return
            self._take(None)
        with self._lock:
            self._first_scan = False
        self._watch.again(None)

    def _is_heap(self) -> bool:
        """Whether a container that is taken over has left too much to listen to, which is told.

        To watch a directory the kernel goes through every entry that it knows of: 0.1 s for a million.
        """
        try:
            self._scan()
        except ChannelViolation as violation:
            with self._lock:
                self._listening = self._first_scan = False
            self._on_violation(str(violation))
            return True
        except OSError:  # it is looked at again in a moment, and said then
            return False
        return False

    def go_on(self) -> None:
        """All that was delivered is handled: look at what has been left in `out/` meanwhile."""
        with self._lock:
            self._pace.go_on()
        if self._watch is not None:
            self._watch.again(None)

    def stop(self) -> None:
        """Deliver nothing more, but for a call that is under way: nothing that the container says is of interest."""
        with self._lock:
            self._listening = False
        if self._watch is not None:
            self._watch.close()

    def close(self, when_idle: Callable[[], None]) -> None:
        """Deliver nothing more, but for a call that is under way; `when_idle` is called after that one."""

        def let_go() -> None:
            for tail in self._tails.values():
                tail.close()
            self._tails.clear()
            when_idle()

        with self._lock:
            self._listening = False
            taking = self._taking
            if taking:
                self._when_idle = let_go
        if self._watch is not None:
            self._watch.close()
        if not taking:
            let_go()

    def forget(self, frame_id: str) -> bool:
        """Delete the frames and events of the turn `frame_id`; a ping may bear the same id and stays.

        Whether its answer had come.
        """
        with self._lock:
            mine = self._delivered.take(frame_id, keep="pong")
            calls = self._calls.take(frame_id)
            self._over.append(frame_id)
            if self._listening:
                self._forgotten.add(frame_id)
            reading = self._reading
        for frame in (FrameName("started", frame_id), FrameName("response", frame_id), *calls):
            (self._litter.remove if frame == reading else self._litter.retire)(frame_name(*frame))
        self._litter.remove(events_name(frame_id))
        return any(name.kind == "response" for name in mine)

    def answered(self, call: FrameName) -> None:
        """Delete a call that has its result."""
        self._litter.retire(frame_name(*call))
        self._close_call(call)

    def _close_call(self, call: FrameName) -> None:
        with self._lock:
            following = self._calls.close(call)
        if following is not None:
            self._look_again(frame_name(*following))

    def peek(self, kind: FrameKind, frame_id: str) -> Frame | None:
        """A frame as it lies there, None where there is none. Raises ChannelViolation where it is not one."""
        try:
            found = self._read(FrameName(kind, frame_id))
        except OSError as error:
            raise ChannelViolation(f"a {kind} of container {self._cid} cannot be read: {error.strerror}") from error
        return None if found is None else found[0]

    def _read(self, frame: FrameName) -> tuple[Frame, int] | None:
        """The frame and its size in bytes, None where there is none.

        Raises ChannelViolation, and OSError where it is the host that is short of something.
        """
        name = frame_name(*frame)
        try:
            data = self._directory.read(name, _LARGEST[frame.kind], uid=self._uid).data
            return Frame(frame.kind, frame.id, load_object(data), frame.number), len(data)
        except FileNotFoundError:
            return None
        except (FileRefused, InvalidMessage) as error:
            raise ChannelViolation(f"{name} from container {self._cid}: {error}") from error
        except OSError as error:
            if error.errno in _SHORT:
                raise
            raise ChannelViolation(f"{name} from container {self._cid} cannot be read: {error.strerror}") from error

    def _changed(self, name: str | None) -> None:
        """The watcher's call: `name` is new in the directory, or None: look at all of it."""
        with self._lock:
            self._again = True
            if self._first_scan:
                return
        self._take(name)

    def _take(self, name: str | None) -> None:
        """Deliver the frame `name`, or all that lie there. One thread at a time: see `listen` and `_changed`."""
        with self._lock:
            if not self._listening or self._pace.paused():
                return
            self._taking = True
        try:
            self._close_forgotten()
            for found in self._scan() if name is None else (name,):
                self._take_one(found)
                if self._pace.paused():
                    break
        except ChannelViolation as violation:
            with self._lock:
                tell, self._listening = self._listening, False
            if tell:
                self._on_violation(str(violation))
        except OSError as error:
            if error.errno not in _SHORT:
                raise
            log.error("What container %s writes is looked at again at the next tick: %s", self._cid, error.strerror)
        finally:
            with self._lock:
                self._taking = False
                when_idle, self._when_idle = self._when_idle, None
            if when_idle is not None:
                when_idle()

    def _scan(self) -> list[str]:
        """The visible names, each turn's events before its `response`."""
        limit = MAX_ENTRIES + PER_TURN * self._in_flight()
        fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._directory.fd)
        try:
            with os.scandir(fd) as entries:
                names = [entry.name for entry in itertools.islice(entries, limit + 1)]
        finally:
            os.close(fd)
        if len(names) > limit:
            raise ChannelViolation(f"container {self._cid} keeps more than {limit} files in out/")
        visible = (name for name in names if not name.startswith("."))
        return sorted(visible, key=lambda name: (name.endswith(frame_name("response", "")), name))

    def _take_one(self, name: str) -> None:
        parsed = parse_frame_name(name)
        if parsed is not None and parsed.kind in FROM_CONTAINER:
            self._take_frame(name, parsed)
        elif (turn_id := parse_events_name(name)) is not None:
            self._take_events(name, turn_id)
        else:
            self._litter.put_up_with(name)

    def _take_frame(self, name: str, parsed: FrameName) -> None:
        if not self._expected(parsed):
            self._drop_unasked(name, parsed.id)
            return
        if parsed.kind == "call":
            self._take_call(name, parsed)
            return
        if parsed.kind == "response" and parsed.id in self._tails:
            self._take_events(events_name(parsed.id), parsed.id)
            if self._tails[parsed.id].behind or self._pace.paused():
                self._look_again(name)
                return
        with self._lock:
            if not self._listening or parsed in self._delivered:
                return
            self._delivered.add(parsed)
            self._reading = parsed
        found = None
        try:
            found = self._read(parsed)
        finally:
            with self._lock:
                self._reading = None
                if found is None or parsed.kind == "pong":
                    self._delivered.discard(parsed)  # nothing of it is there any more, or it was not read
        if parsed.kind == "pong":
            self._litter.retire(name)
        if found is not None:
            self._on_frame(found[0])
            self._handed_over(found[1])

    def _take_call(self, name: str, call: FrameName) -> None:
        if call.number >= SIDE_CALLS.stop:
            raise ChannelViolation(f"container {self._cid} numbers a call beyond {SIDE_CALLS.stop - 1}")
        answered = self._has_result(call)
        with self._lock:
            delivered = call in self._calls
            if delivered or not self._listening or (not answered and not self._calls.admit(call)):
                return
            self._reading = None if answered else call
        if answered:
            self._litter.drop_answered(name)
            return
        found = None
        try:
            found = self._read(call)
        finally:
            with self._lock:
                self._reading = None
            if found is None:
                self._close_call(call)
        if found is not None:
            self._on_frame(found[0])
            self._handed_over(found[1])

    def _take_events(self, name: str, turn_id: str) -> None:
        if not self._expected(FrameName("response", turn_id)):
            self._drop_unasked(name, turn_id)
            return
        tail = self._tails.get(turn_id)
        if tail is None:
            try:
                tail = self._tails[turn_id] = EventTail(self._directory, turn_id, self._uid)
            except FileNotFoundError:
                return  # forgotten meanwhile
        try:
            events = tail.read()
        except ChannelViolation:
            if self._expected(FrameName("response", turn_id)):
                raise
            return  # it is we who have removed it: the turn was forgotten meanwhile
        if events:
            self._on_events(turn_id, events)
            self._handed_over(tail.taken)
        if tail.behind:
            self._look_again(name)

    def _handed_over(self, size: int) -> None:
        turns = self._in_flight()
        with self._lock:
            enough = self._pace.handed_over(size, turns)
        if enough:
            self._on_pause()

    def _look_again(self, name: str) -> None:
        """After others had their turn."""
        if self._watch is not None:
            self._watch.again(name)

    def _drop_unasked(self, name: str, turn_id: str) -> None:
        """What is about no turn in flight here."""
        with self._lock:
            given_up = turn_id in self._over
        self._litter.drop_unasked(name, forged=not given_up)

    def _close_forgotten(self) -> None:
        with self._lock:
            forgotten, self._forgotten = self._forgotten, set()
        for turn_id in forgotten:
            tail = self._tails.pop(turn_id, None)
            if tail is not None:
                tail.close()


def _ignore(_: object) -> None:
    """Until somebody listens."""


def _ignore_events(_: str, __: list[Event]) -> None:
    """Until somebody listens."""
