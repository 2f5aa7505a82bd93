"""Redactor: takes the key out of an answer on its way to a container, wherever the pieces are cut.

What is passed on is held back only where it ends as the key begins, which the end of an event never does. One for each
answer, on one thread.
"""

from __future__ import annotations

from typing import Final

REDACTED: Final = b"[redacted]"


class Redactor:
    """Takes out `secret`; an empty one is nowhere."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._held = b""

    def feed(self, piece: bytes) -> bytes:
        """What may be passed on after the next piece; perhaps nothing yet."""
        if not self._secret:
            return piece
        data = (self._held + piece).replace(self._secret, REDACTED)
        keep = self._begun(data)
        self._held = data[len(data) - keep :]
        return data[: len(data) - keep]

    def end(self) -> bytes:
        """What is left, where no more comes."""
        held, self._held = self._held, b""
        return held

    def _begun(self, data: bytes) -> int:
        """How many bytes at the end are the beginning of the secret."""
        if data[-1:] not in self._secret:
            return 0
        longest = min(len(self._secret) - 1, len(data))
        return next((length for length in range(longest, 0, -1) if data.endswith(self._secret[:length])), 0)
