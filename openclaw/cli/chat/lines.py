"""Lines of standard input, from a pipe: read by a thread of its own, one at a time, as they are asked for.

So the main thread waits for a line, for a reply that comes late and for Ctrl-C at once. It reads the descriptor itself:
a thread that is stuck in Python's own buffered reader keeps the interpreter from ending.
"""

from __future__ import annotations

import os
import threading
from typing import Final

from openclaw.cli.chat.inbox import Inbox, Line
from openclaw.errors import InvalidMessage

MAX_LINE: Final = 256 * 1024
"""Bytes of a line."""


class Lines:
    """Tells `inbox` a line each time that `ask` is called; None at the end."""

    def __init__(self, descriptor: int, inbox: Inbox) -> None:
        self._descriptor = descriptor
        self._inbox = inbox
        self._wanted = threading.Semaphore(0)
        self._buffer = bytearray()
        self.problem: InvalidMessage | None = None
        """Why the input cannot be read on, once its end was told."""
        threading.Thread(target=self._run, name="standard-input", daemon=True).start()

    def ask(self) -> None:
        """Have the next line told."""
        self._wanted.release()

    def _run(self) -> None:
        while True:
            self._wanted.acquire()
            try:
                line = self._next()
            except InvalidMessage as problem:
                self.problem, line = problem, None
            self._inbox.put(Line(line))
            if line is None:
                return

    def _next(self) -> str | None:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > MAX_LINE:
                raise InvalidMessage(f"a line of standard input is longer than {MAX_LINE} bytes")
            try:
                more = os.read(self._descriptor, 65536)
            except OSError as error:
                raise InvalidMessage(f"standard input cannot be read: {error.strerror}") from None
            if not more:
                return self._cut(len(self._buffer)) if self._buffer else None
            self._buffer += more
        return self._cut(end)

    def _cut(self, end: int) -> str:
        """The line up to `end`, which is taken out, with the line break after it. Raises InvalidMessage."""
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return _text(line)


def _text(line: bytes) -> str:
    try:
        return line.decode().removesuffix("\r")
    except UnicodeDecodeError as error:
        raise InvalidMessage(f"standard input is not UTF-8 at byte {error.start} of a line") from None
