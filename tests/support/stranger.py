"""Another user of this machine who calls the service. Only root can become one."""

from __future__ import annotations

import os
import subprocess
import sys
from types import TracebackType

import pytest

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

_CALLS = """
import os, socket, sys  # before the user is another, who may not be let in to Python's own folder
uid, port, count, token = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
os.setgid(uid); os.setuid(uid)
request = f"GET /healthz HTTP/1.1\\r\\nHost: localhost\\r\\nAuthorization: Bearer {token}\\r\\n\\r\\n".encode()
held = []
for _ in range(count):
    held.append(socket.socket())
    held[-1].settimeout(10)
    held[-1].connect(("127.0.0.1", port))
    if token:
        held[-1].sendall(request)
        print(held[-1].recv(65536).split()[1].decode(), flush=True)
print("done", flush=True)
sys.stdin.read()
"""


class Stranger:
    """A process of `uid` that makes `count` connections, one after the other, and holds them while the context lasts.

    With a `token` it sends a request on each, and `statuses` are the answers.
    """

    def __init__(self, port: int, count: int, uid: int = 65534, token: str = "") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CALLS, str(uid), str(port), str(count), token],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.statuses: list[int] = []

    def __enter__(self) -> Stranger:
        assert self._process.stdout is not None
        while (line := self._process.stdout.readline()) != "done\n":
            self.statuses.append(int(line))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=10)
