"""The engine without a model: a few rules, and plain words about what it is.

For the first run without a key, for tests and for measuring everything but a model. Keeps no state after it was
made, so any number of threads may ask it. It waits on the turn's cancel event, never otherwise.
"""

from __future__ import annotations

import operator
import re
import threading
import time
from collections.abc import Callable, Mapping

from openclaw.errors import ConfigError
from openclaw.message import Message

ECHO_LIMIT = 200
"""Characters of a message that are repeated in its answer."""

_ABOUT = (
    "I am the offline engine: I answer by a few rules and no model is behind me. "
    "This version has no other engine; agents with a model come with a later one."
)
_GREETING = re.compile(r"(hello|hi|hey|good (morning|afternoon|evening))\b", re.I)
_HELP = re.compile(r"help\b|what can you do|who are you", re.I)
_TIME = re.compile(r"\bwhat(?: i|')s the (time|date)\b|\bwhat time is it\b", re.I)
_SUM = re.compile(r"(?:what is |what's )?(-?\d{1,9}) ?([-+*/]) ?(-?\d{1,9}) ?[?=]?", re.I)
_OPERATORS: dict[str, Callable[[int, int], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


class OfflineEngine:
    """Answers by rules after `latency` seconds, as a model would take its time."""

    def __init__(self, name: str = "Claw", latency: float = 0.0) -> None:
        self._name = name
        self._latency = latency

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> OfflineEngine:
        """From ASSISTANT_NAME and OPENCLAW_OFFLINE_LATENCY_MS. Raises ConfigError for a latency that is no number."""
        latency = environ.get("OPENCLAW_OFFLINE_LATENCY_MS") or "0"
        if not re.fullmatch(r"[0-9]{1,9}", latency, re.ASCII):
            raise ConfigError(f"OPENCLAW_OFFLINE_LATENCY_MS takes whole milliseconds, not {latency[:80]!r}")
        return cls(environ.get("ASSISTANT_NAME") or "Claw", int(latency) / 1000)

    def answer(self, message: Message, cancel: threading.Event, attempt: int) -> str:
        if self._latency and cancel.wait(self._latency):
            return ""
        answer = self._by_rules(message.text.strip())
        if attempt > 1:
            answer = f"(Attempt {attempt}: an earlier one was cut off.) {answer}"
        return answer

    def _by_rules(self, text: str) -> str:
        if _GREETING.match(text):
            return f"Hello, I am {self._name}. {_ABOUT}"
        if _HELP.match(text):
            return f"I am {self._name}. I return greetings, tell the time and do small sums such as 6 * 7. {_ABOUT}"
        if _TIME.search(text):
            return f"It is {time.strftime('%A, %d %B %Y, %H:%M %Z')}. {_ABOUT}"
        if (terms := _SUM.fullmatch(text)) is not None:
            return f"{_calculate(*terms.groups())}. {_ABOUT}"
        shown = text if len(text) <= ECHO_LIMIT else text[:ECHO_LIMIT] + "…"
        return f"You said: {shown}\n{_ABOUT}"


def _calculate(left: str, sign: str, right: str) -> str:
    if sign == "/" and int(right) == 0:
        return "Nothing can be divided by zero"
    return f"{left} {sign} {right} = {_OPERATORS[sign](int(left), int(right)):.15g}"
