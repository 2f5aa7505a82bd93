"""RequestBody: a request's body on its way from a container to the API, of which no more than a piece is held.

Belongs to one connection's thread.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

from openclaw.http.timed_socket import TimedSocket


class RequestBody:
    """The body of a request, read from the container only as fast as the API takes it; raises EOFError if it ends.

    requests iterates it or reads it, as it likes.
    """

    def __init__(self, stream: io.BufferedReader[TimedSocket], timed: TimedSocket, length: int, seconds: float) -> None:
        self._stream = stream
        self._timed = timed
        self._length = length
        self._seconds = seconds
        self.left = length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.read(65536):
            yield piece

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes of what has come; b"" at the end."""
        if self.left == 0:
            return b""
        self._timed.allow(self._seconds)
        try:
            piece = self._stream.read1(min(size, self.left))
        except OSError as error:  # told apart from what the other side does, whose errors are OSErrors too
            raise EOFError(f"the request's body stopped: {error}") from error
        if not piece:
            raise EOFError("the request ended within its body")
        self.left -= len(piece)
        return piece
