"""Door: one container's way to the model, a Unix socket in the directory that the container has mounted.

Made and closed by the gateway. The socket is bound under a hidden name, given to the containers' uid and nobody else,
and then renamed over the one that may be there from an earlier process: a container finds one or the other, and the
name that is bound stays short, of whatever length the path is (sun_path has 108 bytes, unix(7)).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

SOCKET_NAME: Final = "s"
_HIDDEN: Final = ".s"
_BACKLOG: Final = 128
_DIRECTORY: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Door:
    """The container `cid` of `group`; `in_flight` tells whether a turn of that id runs in it. Raises OSError."""

    def __init__(self, cid: str, group: str, directory: Path, uid: int, in_flight: Callable[[str], bool]) -> None:
        self.cid: Final = cid
        self.group: Final = group
        self.in_flight: Final = in_flight
        self._listener = _listen(directory, uid)

    def fileno(self) -> int:
        return self._listener.fileno()

    def accept(self) -> socket.socket:
        """The next connection. Raises BlockingIOError where there is none."""
        connection, _ = self._listener.accept()
        return connection

    def close(self) -> None:
        """Take no more connections. The socket's file goes with its directory."""
        self._listener.close()


def _listen(directory: Path, uid: int) -> socket.socket:
    held = os.open(directory, _DIRECTORY)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with suppress(FileNotFoundError):
            os.unlink(_HIDDEN, dir_fd=held)
        listener.bind(f"/proc/self/fd/{held}/{_HIDDEN}")
        os.chmod(_HIDDEN, 0o600, dir_fd=held)
        if uid != os.getuid():
            os.chown(_HIDDEN, uid, uid, dir_fd=held)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        os.rename(_HIDDEN, SOCKET_NAME, src_dir_fd=held, dst_dir_fd=held)
    except BaseException:
        listener.close()
        raise
    finally:
        os.close(held)
    return listener
