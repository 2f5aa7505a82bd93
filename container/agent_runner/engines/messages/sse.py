"""Server-sent events, from the bytes in which they come; every event's data is a JSON object.

As in the HTML standard (9.2.6), but that a line ends with LF or CRLF, never with CR alone.
"""

from __future__ import annotations

from typing import Any, Final

from agent_runner.engines.messages.failures import Cut
from openclaw.errors import InvalidMessage
from openclaw.message import load_object

MAX_EVENT: Final = 4 * 1024 * 1024
"""Bytes of one event."""

MAX_STREAM: Final = 64 * 1024 * 1024
"""Bytes of one stream: an event has about 150 beside its few characters of text."""

_DONE = b"[DONE]"  # how other APIs end their streams, and servers that speak several end this one too


class EventParser:
    """Takes bytes as they come, gives the events that are whole."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._data: list[bytes] = []
        self._in_event = 0
        self._in_stream = 0

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """The events that `data` completes. Raises Cut for what is no event, or too large."""
        self._in_stream += len(data)
        if self._in_stream > MAX_STREAM:
            raise Cut(f"the model's answer takes more than {MAX_STREAM} bytes")
        if b"\n" not in data:
            self._rest += data
            self._check(len(self._rest))
            return []
        *lines, rest = (bytes(self._rest) + data).split(b"\n")
        self._rest = bytearray(rest)
        self._check(len(rest))
        events = (self._line(line.removesuffix(b"\r")) for line in lines)
        return [event for event in events if event is not None]

    def _line(self, line: bytes) -> dict[str, Any] | None:
        """The event that this line ends, if it does."""
        if line:
            field, _, value = line.partition(b":")
            if field == b"data":  # its name is in the data as well, a comment is only there to keep the line open
                self._data.append(value.removeprefix(b" "))
                self._in_event += len(value)
                self._check(self._in_event)
            return None
        data, self._data, self._in_event = b"\n".join(self._data), [], 0
        if not data or data == _DONE:
            return None
        try:
            return load_object(data)
        except InvalidMessage as error:
            raise Cut(f"the model's API sent an event that is {error}") from None

    def _check(self, size: int) -> None:
        if size > MAX_EVENT:
            raise Cut(f"the model's API sent an event of more than {MAX_EVENT} bytes")
