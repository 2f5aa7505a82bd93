"""Window: what the model is shown of a turn, and how much of its context window that fills.

    tools, system prompt │ summary of what was long ago │ earlier turns │ this turn's messages

What comes first changes least, so that the API's cache holds; up to there and at this turn's last two messages from the
user breakpoints are set, four in all. Belongs to the turn's thread. Messages are encoded once.
"""

from __future__ import annotations

from typing import Any, Final

from agent_runner.engines.messages.encoding import encode
from agent_runner.engines.messages.history import History
from agent_runner.engines.messages.settings import Settings

BYTES_PER_TOKEN: Final = 3.5
"""For what was not counted by the model: English has about 4, code 3, and so have most other languages in UTF-8."""

FULL_AT_START: Final = 0.75
FULL: Final = 0.92
"""Shares of the room for questions: beyond the first a turn does not begin, beyond the second no call is made."""

KEPT: Final = 0.25
"""Share of the room that earlier turns may keep when the others are summarised."""

CLEARED: Final = "(This result was left out to make room. Use the tool again if you need it.)"
_SHORT = 1000  # characters of a result that is not worth clearing

_CACHED = {"cache_control": {"type": "ephemeral"}}
_READ = "I have read it."

Message = dict[str, Any]


class Window:
    """The requests of one turn, whose session has left `history`."""

    def __init__(self, settings: Settings, tools: list[dict[str, Any]], system: str, history: History) -> None:
        self._settings = settings
        head: dict[str, Any] = {"model": settings.model, "max_tokens": settings.answer_tokens, "stream": True}
        if tools:
            head["tools"] = [*tools[:-1], {**tools[-1], **_CACHED}]
        head["system"] = [{"type": "text", "text": system, **_CACHED}]
        self._head = encode(head)[:-1]
        self.history = history
        self.messages: list[Message] = []
        self._encoded: list[bytes] = []
        self.filled = 0
        """Tokens that question and answer of the last call took; 0 where that is not known."""
        self._since = 0  # bytes that came since
        self._measured = False  # by a call of this turn

    def add(self, role: str, content: list[dict[str, Any]]) -> None:
        """A message of this turn comes to it."""
        message = {"role": role, "content": content}
        self.messages.append(message)
        self._encoded.append(encode(message))
        self._since += len(self._encoded[-1])

    def forget(self) -> None:
        """Take out all that came in this turn."""
        self.messages.clear()
        self._encoded.clear()
        self._recount()

    def body(self) -> bytes:
        """The request, as JSON."""
        users = [number for number, message in enumerate(self.messages) if message["role"] == "user"]
        own = [self._marked(number) if number in users[-2:] else data for number, data in enumerate(self._encoded)]
        return b'%s,"messages":[%s]}' % (self._head, b",".join([*self._before(), *own]))

    def answered(self, filled: int) -> None:
        """The model has answered, and counted `filled` tokens; 0 where it does not count."""
        if filled:
            self.filled, self._since, self._measured = filled, 0, True

    def tokens(self) -> int:
        """How many tokens the next request has, about."""
        if self._measured:
            return self.filled + round(self._since / BYTES_PER_TOKEN)
        last = self.history.turns[-1].tokens if self.history.turns else 0
        if last:
            return last + round(self._since / BYTES_PER_TOKEN)
        return round((len(self._head) + sum(map(len, self._before())) + self._since) / BYTES_PER_TOKEN)

    def is_full(self, share: float = FULL) -> bool:
        """Whether less room is left than is wise."""
        return self.tokens() > share * self._settings.room

    def old_turns(self) -> int:
        """How many of the earlier turns are to be summarised so that the rest fits well: all but a few."""
        room = KEPT * self._settings.room * BYTES_PER_TOKEN
        kept = 0
        for past in reversed(self.history.turns):
            room -= len(past.data)
            if room < 0:
                break
            kept += 1
        return max(1, len(self.history.turns) - kept) if self.history.turns else 0

    def summarise(self, count: int, text: str) -> None:
        """Put `text` in the place of the first `count` earlier turns and of the summary before them."""
        turns = [past._replace(tokens=0) for past in self.history.turns[count:]]
        self.history = History(turns, text)
        self._recount()

    def clear_results(self, *, all_of_them: bool = False) -> bool:
        """Leave out what tools have given in this turn, the last message aside; whether there was anything."""
        cleared = False
        for number, message in enumerate(self.messages if all_of_them else self.messages[:-1]):
            for block in message["content"]:
                content = block.get("content") if block.get("type") == "tool_result" else None
                if isinstance(content, str) and len(content) > _SHORT:
                    block["content"] = CLEARED
                    cleared = True
            self._encoded[number] = encode(message)
        self._recount()
        return cleared

    def _recount(self) -> None:
        self._measured, self.filled = False, 0
        self._since = sum(map(len, self._encoded))

    def _before(self) -> list[bytes]:
        """What was before this turn."""
        turns = [past.data for past in self.history.turns]
        if not self.history.summary:
            return turns
        summary = [
            {"role": "user", "content": f"Earlier in this conversation:\n\n{self.history.summary}"},
            {"role": "assistant", "content": _READ},
        ]
        return [encode(summary)[1:-1], *turns]

    def _marked(self, number: int) -> bytes:
        message = self.messages[number]
        *blocks, last = message["content"]
        return encode({**message, "content": [*blocks, {**last, **_CACHED}]})
