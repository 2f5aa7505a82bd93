"""What all connections of the gateway share: the API, the books, and how long they wait for a container.

Values and interfaces without state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from openclaw.clock import Clock
    from openclaw.gateway.upstream import Upstream
    from openclaw.gateway.usage import Tally, Usage


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: between two requests, for a request's head, for the next piece of its body, to take a piece of the
    answer, to hear a refusal."""

    idle_s: float = 60.0
    head_s: float = 10.0
    body_s: float = 30.0
    write_s: float = 60.0
    linger_s: float = 2.0


class Books(Protocol):
    """Where it is noted what the containers use. Called on many threads, and must be quick."""

    def tally_of(self, turn_id: str, /) -> Tally | None:
        """Where the tokens of a turn in flight are added up."""
        ...

    def used(self, group: str, usage: Usage, /) -> None:
        """A group has used so many tokens more."""
        ...

    def answered(self, group: str, status: int, /) -> None:
        """A request of a group was answered, with this HTTP status."""
        ...


@dataclass(frozen=True, slots=True)
class Site:
    """What a connection needs beside its socket."""

    upstream: Upstream
    books: Books
    clock: Clock
    limits: Limits
