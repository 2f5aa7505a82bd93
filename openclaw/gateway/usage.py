"""Tokens: what one answer of the model has cost, and the sum for a message. The names are the Messages API's own."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import NamedTuple


class Usage(NamedTuple):
    """Tokens of each kind. What was read from the prompt cache, or written to it, is not part of `input_tokens`."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0

    @classmethod
    def of(cls, given: Mapping[str, object]) -> Usage:
        """What `given` says under these names; what is no sensible number counts as 0."""
        return cls(*(_count(given.get(name)) for name in cls._fields))

    def plus(self, other: Usage) -> Usage:
        return Usage(*(ours + theirs for ours, theirs in zip(self, other, strict=True)))

    def minus(self, other: Usage) -> Usage:
        return Usage(*(ours - theirs for ours, theirs in zip(self, other, strict=True)))

    def at_least(self, other: Usage) -> Usage:
        """The larger number of each kind: what an answer says of itself is meant to grow."""
        return Usage(*map(max, self, other))

    def to_json(self) -> dict[str, int]:
        """As it stands in a reply; {} where nothing was counted."""
        return self._asdict() if any(self) else {}


class Tally:
    """The sum for one message. Any thread adds and reads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sum = Usage()  # guarded by _lock

    def add(self, usage: Usage) -> None:
        with self._lock:
            self._sum = self._sum.plus(usage)

    def read(self) -> Usage:
        with self._lock:
            return self._sum


_MOST = 10**9
"""Tokens beyond what any single answer can have: such a number is garbage."""


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST else 0
