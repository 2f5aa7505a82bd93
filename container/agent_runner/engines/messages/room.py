"""Room: making some where the model's window gets full. Earlier turns give way first, then what tools gave in this one.

Belongs to the turn's thread.
"""

from __future__ import annotations

import logging

from agent_runner.engines.engine import Host
from agent_runner.engines.messages import summary
from agent_runner.engines.messages.answer import Answer
from agent_runner.engines.messages.caller import CallContext, Caller
from agent_runner.engines.messages.failures import CallFailed, TooLong
from agent_runner.engines.messages.history import Past
from agent_runner.engines.messages.settings import Settings
from agent_runner.engines.messages.speech import Speech
from agent_runner.engines.messages.window import BYTES_PER_TOKEN, Window
from openclaw.message import Summary

log = logging.getLogger(__name__)

_SHARE = 0.8  # of the room for questions that a request for a summary may take: tokens are only estimated


class Room:
    """The room in the window of one turn. `summary` is what now stands for earlier turns, for the session."""

    def __init__(
        self, window: Window, settings: Settings, caller: Caller, context: CallContext, host: Host
    ) -> None:
        self._window = window
        self._settings = settings
        self._caller = caller
        self._context = context._replace(speech=Speech(_unsaid))
        self._host = host
        self.summary: Summary | None = None

    def make(self, *, all_of_them: bool = False) -> bool:
        """Give up what is least needed, the last results of tools with `all_of_them` only. Whether there was anything.

        Raises CallFailed, or TurnCancelled.
        """
        return self.summarise() or self._window.clear_results(all_of_them=all_of_them)

    def summarise(self) -> bool:
        """Have the model put the older turns into one text; whether there were any. Raises as `make` does."""
        history, count = self._window.history, self._window.old_turns()
        if not count:
            return False
        old = history.turns[:count]
        self._host.tool("Summarise", f"{count} earlier turns, to make room")
        written = self._written(history.summary, old)
        text = "".join(str(block.get("text", "")) for block in written.content if block.get("type") == "text").strip()
        if not text:
            raise CallFailed("the model could not summarise the earlier turns; send /new to begin a fresh session")
        self.summary = Summary(old[-1].id, summary.cut(text))
        self._window.summarise(count, self.summary.text)
        log.info("%d earlier turns are summarised for the turn %s", count, self._context.turn_id)
        return True

    def _written(self, before: str, turns: list[Past]) -> Answer:
        """The model's answer to the request for a summary; of less where it finds that too long."""
        size = max(2000, round(_SHARE * (self._settings.room - summary.TOKENS) * BYTES_PER_TOKEN))
        model = self._settings.model
        try:
            return self._caller.call(summary.request(model, before, turns, size), self._context)
        except TooLong:
            return self._caller.call(summary.request(model, before, turns, size // 4), self._context)


def _unsaid(_: str) -> None:
    """A summary is for the model alone."""
