"""The watcher: tells the owners of directories that something in them has changed.

Owns the process's one inotify instance (a user has 128, containers included) and one thread, on which all callbacks
run. What it tells is a hint: a callback looks at the directory itself. Directories take turns, a change each, so that
one in which very much happens holds up no other. `watch`, `tick` and what a Watch has may be called from any thread.

A directory that inotify does not watch, because no instance or watch was left or because it is missing, is scanned
every POLL_INTERVAL seconds until it is watched again; otherwise the thread wakes for events, ticks and `close` only.
One into which somebody hostile may write is not heard for some seconds where too much happens in it; see rush.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from openclaw.spool.inotify import (
    IN_CLOSE_WRITE,
    IN_CREATE,
    IN_DELETE_SELF,
    IN_IGNORED,
    IN_MASK_CREATE,
    IN_MOVE_SELF,
    IN_MOVED_TO,
    IN_ONLYDIR,
    IN_Q_OVERFLOW,
    IN_UNMOUNT,
    Inotify,
)
from openclaw.spool.rush import MOST, Rush

log = logging.getLogger(__name__)

POLL_INTERVAL = 0.5
"""Seconds between scans of a directory that inotify does not watch."""

MAX_WAITING = 4096
"""Changes in one directory that wait to be told; where there are more, its owner is told to look at everything."""

DROPPED = IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE
"""A file came or was finished. All three matter: `ln` gives only CREATE, `mv` only MOVED_TO."""

_REPLACED = IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED
_ALWAYS = IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_MASK_CREATE
_ADVICE = {
    errno.EMFILE: "raise the sysctl fs.inotify.max_user_instances",
    errno.ENOSPC: "raise the sysctl fs.inotify.max_user_watches",
    errno.ENOENT: "make it again",
}

OnChange = Callable[[str | None], None]


class Watch:
    """One watched directory. `close` ends it; a callback that runs at that moment ends by itself."""

    def __init__(self, watcher: Watcher, path: Path, on_change: OnChange, mask: int) -> None:
        self.path = path
        self.on_change = on_change
        self.mask = mask
        self._watcher = watcher
        # The watcher's own, guarded by its lock: the watch descriptor (None: polled) and the inode that has it.
        self.wd: int | None = None
        self.inode: tuple[int, int] | None = None
        self.closed = False
        # The watcher's thread's own: how much happens where that is counted, and until when nothing is heard of it.
        self.rush: Rush | None = None
        self.rests_until = 0.0
        self.told = False

    def close(self) -> None:
        self._watcher.forget(self)

    def again(self, name: str | None) -> None:
        """Have `on_change(name)` called once more, after others had their turn: there is more than one call takes."""
        self._watcher.call_again(self, name)


class Watcher:
    """Watches any number of directories, each of them once. `clock` tells monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # Guarded by _lock: _watches, _by_wd, each watch's own fields, _cause, _ticked, _again, _closed, and the
        # descriptor _wake_fd, so that nobody writes to a number that `close` has given back. Callbacks run without it.
        self._watches: set[Watch] = set()
        self._by_wd: dict[int, Watch] = {}
        self._cause: int | None = None  # the errno for which some directory is polled, as last logged
        self._ticked = False
        self._again: list[tuple[Watch, str | None]] = []
        self._closed = False
        self._wake_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poll = select.poll()
        self._poll.register(self._wake_fd, select.POLLIN)
        self._inotify: Inotify | None = None  # set here or on the thread
        with contextlib.suppress(OSError):  # said and tried again once there is something to watch
            self._connect()
        self._waiting: dict[Watch, deque[str | None]] = {}  # the thread's own: what is to be told
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End the thread; no callback begins after this. Not from a callback."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            os.eventfd_write(self._wake_fd, 1)
        if self._thread.is_alive():
            self._thread.join()
        with self._lock:
            os.close(self._wake_fd)
        if self._inotify is not None:
            self._inotify.close()

    def watch(self, path: Path, on_change: OnChange, mask: int = DROPPED, *, hostile: bool = False) -> Watch:
        """Call `on_change` for each change in `path`, from the moment this returns: look into it afterwards.

        `on_change(name)`: that entry has changed in a way that `mask` names; hidden names are left out.
        `on_change(None)`: look at everything, since events were lost, the directory was replaced, or at a tick.
        `hostile`: whoever writes there may do so just to be heard.
        Raises FileNotFoundError and NotADirectoryError, and FileExistsError where the directory is watched already.
        """
        watch = Watch(self, path, on_change, mask)
        if hostile:
            watch.rush = Rush()
        try:
            self._set(watch)
        except (FileNotFoundError, NotADirectoryError, FileExistsError):
            raise
        except OSError as error:
            self._poll_instead(watch, error)
            self._wake()
        return watch

    def forget(self, watch: Watch) -> None:
        """What `Watch.close` does."""
        with self._lock:
            watch.closed = True
            self._watches.discard(watch)
        self._unset(watch)

    def call_again(self, watch: Watch, name: str | None) -> None:
        """What `Watch.again` does."""
        with self._lock:
            if not self._closed:
                self._again.append((watch, name))
                os.eventfd_write(self._wake_fd, 1)

    def tick(self) -> None:
        """Have the thread check that each directory is still the one that is watched, and each owner look at it."""
        with self._lock:
            if not self._closed:
                self._ticked = True
                os.eventfd_write(self._wake_fd, 1)

    def _wake(self) -> None:
        """Have the thread look anew how long it may sleep. Its own rounds never do this: each would begin the next."""
        with self._lock:
            if not self._closed:
                os.eventfd_write(self._wake_fd, 1)

    @property
    def polling(self) -> bool:
        """Whether some directory is scanned every POLL_INTERVAL for want of a watch."""
        with self._lock:
            return any(watch.wd is None for watch in self._watches)

    def _run(self) -> None:
        while True:
            ready = self._poll.poll(self._patience())
            with self._lock:
                if self._closed:
                    return
                ticked, self._ticked = self._ticked, False
                again, self._again = self._again, []
                if any(fd == self._wake_fd for fd, _ in ready):
                    os.eventfd_read(self._wake_fd)
            self._collect()
            for watch, name in again:
                self._note(watch, name)
            self._check(everything=ticked)
            self._tell_one_each()

    def _patience(self) -> float | None:
        """Milliseconds to wait for events; None: as long as it takes."""
        if self._waiting:
            return 0
        return POLL_INTERVAL * 1000 if self.polling else None

    def _collect(self) -> None:
        """Note what the kernel has to tell."""
        now = self._clock()
        for event in self._inotify.read() if self._inotify is not None else ():
            if event.mask & IN_Q_OVERFLOW:
                log.info("More changes at once than inotify could hold: every directory is scanned")
                for watch in self._snapshot():
                    self._note(watch, None)
                continue
            with self._lock:
                found = self._by_wd.get(event.wd)
            if found is None:
                continue  # closed since, or not ours yet: its owner looks as soon as `watch` returns
            if found.rush is not None and (rest := found.rush.change(now)):
                self._rest(found, now + rest)
                continue
            if event.mask & _REPLACED:
                self._unset(found)
            elif not event.name.startswith("."):
                self._note(found, event.name)

    def _rest(self, watch: Watch, until: float) -> None:
        """Hear nothing of a directory until then; it is looked at afterwards, and at each tick."""
        self._unset(watch)
        self._waiting.pop(watch, None)
        watch.rests_until = until
        if not watch.told:
            watch.told = True
            log.warning("%s changes more than %d times a second: it is heard again after a while", watch.path, MOST)

    def _note(self, watch: Watch, name: str | None) -> None:
        waiting = self._waiting.setdefault(watch, deque())
        if len(waiting) >= MAX_WAITING:
            waiting.clear()
            name = None
        waiting.append(name)

    def _tell_one_each(self) -> None:
        """One change of each directory: what comes meanwhile in others is told before the next one of these."""
        for watch in list(self._waiting):
            name = self._waiting[watch].popleft()
            if not self._waiting[watch]:
                del self._waiting[watch]
            self._call(watch, name)

    def _check(self, *, everything: bool) -> None:
        """Watch what is not watched; with `everything` compare inodes too, and have every owner look."""
        now = self._clock()
        for watch in self._snapshot():
            if everything and watch.wd is not None and _inode(watch.path) != watch.inode:
                self._unset(watch)
            polled = watch.wd is None and watch.rests_until <= now
            if polled:
                self._set_again(watch)
            if polled or everything:
                self._call(watch, None)

    def _snapshot(self) -> list[Watch]:
        with self._lock:
            return list(self._watches)

    def _call(self, watch: Watch, name: str | None) -> None:
        with self._lock:
            if watch.closed or self._closed:
                return
        try:
            watch.on_change(name)
        except Exception:  # the top of the thread: one owner's mistake must not end everybody's watch
            log.exception("A change in %s could not be handled", watch.path)

    def _set(self, watch: Watch) -> None:
        """Have inotify watch the directory. Raises OSError."""
        if self._inotify is None:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        # The inode first: a directory that is swapped in between then differs at the next tick.
        inode = _inode(watch.path)
        wd = self._inotify.add_watch(watch.path, watch.mask | _ALWAYS)
        with self._lock:
            if not watch.closed:
                watch.wd, watch.inode = wd, inode
                self._by_wd[wd] = watch
                self._watches.add(watch)
                return
        self._remove(wd)

    def _set_again(self, watch: Watch) -> None:
        try:
            self._connect()
            self._set(watch)
        except OSError as error:
            self._poll_instead(watch, error)
            return
        rested, watch.rests_until = watch.rests_until > 0, 0.0
        if not rested:
            log.info("%s is watched again", watch.path)
        if not self.polling:
            with self._lock:
                self._cause = None

    def _unset(self, watch: Watch) -> None:
        with self._lock:
            wd, watch.wd = watch.wd, None
            if wd is None:
                return
            self._by_wd.pop(wd, None)
        self._remove(wd)

    def _remove(self, wd: int) -> None:
        if self._inotify is not None:
            with contextlib.suppress(OSError):  # EINVAL: the directory is gone, and its watch with it
                self._inotify.remove_watch(wd)

    def _poll_instead(self, watch: Watch, error: OSError) -> None:
        with self._lock:
            if watch.closed or self._closed:
                return
            self._watches.add(watch)
            said, self._cause = self._cause == error.errno, error.errno
        if not said:
            advice = _ADVICE.get(error.errno or 0, "look at the directory")
            log.warning(
                "%s is scanned every %s s instead of watched: %s; %s", watch.path, POLL_INTERVAL, error.strerror, advice
            )

    def _connect(self) -> None:
        """Get the inotify instance, where there is none yet. Raises OSError: EMFILE where the user has too many."""
        if self._inotify is None:
            inotify = Inotify()
            self._poll.register(inotify.fileno(), select.POLLIN)
            self._inotify = inotify


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
