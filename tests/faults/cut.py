"""A service that kills itself at a call of the test's choice, by SIGKILL.

    python -m tests.faults.cut ARGS…     as `python -m openclaw ARGS…`, with these variables:

    CUT_FROM    start: count from the service's first step; ready: from when it can take messages
    CUT_CALL    the number of the call at which to die, from 1; 0: never
    CUT_WHEN    before: that call is not carried out; after: it is; stalled: it is not, and its thread hangs there
                while the others go on for a moment, so that they get as far ahead as they ever can
    CUT_TRACE   a file that gets one line for each call that was counted: what was called, and where in openclaw/

Counted is every call by which the service reads or changes files, sockets and child processes, on all its threads, in
the order in which they are made. That order is the kernel's choice as much as ours: no two runs are quite the same.
"""

from __future__ import annotations

import fcntl
import functools
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import openclaw
from openclaw.cli import main, serve
from openclaw.service import Service
from openclaw.spool import inotify, syscalls

_PACKAGE = str(Path(openclaw.__file__).parent)
_OS = (
    "chmod", "chown", "dup2", "fchmod", "fstat", "fsync", "ftruncate", "killpg", "link", "listdir", "mkdir", "open",
    "read", "rename", "replace", "rmdir", "scandir", "stat", "unlink", "write",
)  # fmt: skip
_LIBRARIES = {syscalls: ("renameat2", "sync_file_range"), inotify: ("inotify_add_watch",)}
_STALL = 1.0
"""Seconds between a stalled call and death."""

_SOCKET = ("accept", "bind", "listen", "recv", "recv_into", "send", "sendall", "shutdown")


class Calls:
    """Counts calls once `begin` was called, and ends the process at the chosen one."""

    def __init__(self, number: int, when: str, trace: Path) -> None:
        self._number = number
        self._when = when
        self._trace = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)
        self._write, self._kill = os.write, os.kill  # as they were before they were counted
        self._lock = threading.Lock()
        # Guarded by _lock: the calls so far, None until counting begins.
        self._calls: int | None = None

    def begin(self) -> None:
        with self._lock:
            self._calls = 0

    def count(self, owner: Any, name: str) -> None:
        """Replace the function `owner.name` by one that is counted."""
        function = getattr(owner, name)

        @functools.wraps(function)
        def counted(*args: Any, **kwargs: Any) -> Any:
            last = self._is_last(name)
            if last and self._when == "stalled":
                threading.Timer(_STALL, self._die).start()
                threading.Event().wait()
            try:
                return function(*args, **kwargs)
            finally:
                if last:
                    self._die()

        setattr(owner, name, counted)

    def _is_last(self, name: str) -> bool:
        """Count a call; whether it is the chosen one. The process dies here where that is not to be carried out."""
        with self._lock:
            if self._calls is None:
                return False
            place = _place(sys._getframe(2))
            if place.startswith("logs.py"):
                return False  # what is logged is nobody's state
            self._calls += 1
            self._write(self._trace, f"{name} {place}\n".encode())
            if self._calls == self._number and self._when == "before":
                self._die()  # under the lock: nobody else begins a call
            return self._calls == self._number

    def _die(self) -> None:
        self._kill(os.getpid(), signal.SIGKILL)


class _Library:
    """A library of ctypes, of which single functions can be replaced."""

    def __init__(self, library: Any) -> None:
        self._library = library

    def __getattr__(self, name: str) -> Any:
        return getattr(self._library, name)


def _place(frame: FrameType | None) -> str:
    """Where in openclaw/ a call comes from."""
    while frame is not None and not frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return "-" if frame is None else f"{frame.f_code.co_filename[len(_PACKAGE) + 1 :]}:{frame.f_lineno}"


def _begin_at_start(calls: Calls) -> None:
    start = Service.start

    def counted(self: Service) -> None:
        calls.begin()
        start(self)

    Service.start = counted  # type: ignore[method-assign] # there is no other hook before it, and none is needed


def _begin_when_ready(calls: Calls) -> None:
    def counted(line: str, *, flush: bool) -> None:
        print(line, flush=flush)
        calls.begin()

    vars(serve)["print"] = counted  # hides the builtin in that module only


def _install(calls: Calls) -> None:
    for name in _OS:
        calls.count(os, name)
    for name in _SOCKET:
        calls.count(socket.socket, name)
    for name in ("fcntl", "flock"):
        calls.count(fcntl, name)
    calls.count(subprocess.Popen, "__init__")
    for module, names in _LIBRARIES.items():
        library = vars(module)["_libc"] = _Library(vars(module)["_libc"])
        for name in names:
            calls.count(library, name)


if __name__ == "__main__":
    environ = os.environ
    counter = Calls(int(environ["CUT_CALL"]), environ["CUT_WHEN"], Path(environ["CUT_TRACE"]))
    begin = {"start": _begin_at_start, "ready": _begin_when_ready}[environ["CUT_FROM"]]
    begin(counter)
    _install(counter)
    sys.exit(main())
