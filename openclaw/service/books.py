"""Books: what the containers' calls to the model are counted in, for /metrics and for replies.

Keeps nothing itself. Called on the gateway's threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from openclaw.agents.turn import Turn
    from openclaw.gateway.usage import Tally, Usage
    from openclaw.observe.metrics import Metrics

_KINDS: Final = ("input", "output", "cache_read", "cache_creation")
"""In the order of Usage."""


class Books:
    """The gateway's Books. `find` gives the turn in flight under an id."""

    def __init__(self, metrics: Metrics, find: Callable[[str], Turn | None]) -> None:
        self._find = find
        self._tokens = metrics.counter(
            "openclaw_tokens_total", "Tokens of the model, by group and kind.", labels=("group", "kind")
        )
        self._calls = metrics.counter(
            "openclaw_model_calls_total", "Requests to the model, by group and HTTP status.", labels=("group", "status")
        )

    def tally_of(self, turn_id: str) -> Tally | None:
        turn = self._find(turn_id)
        return None if turn is None else turn.tally

    def used(self, group: str, usage: Usage) -> None:
        for kind, tokens in zip(_KINDS, usage, strict=True):
            if tokens:
                self._tokens.inc(group, kind, by=tokens)

    def answered(self, group: str, status: int) -> None:
        self._calls.inc(group, str(status))
