"""The engine without a model: a few rules, commands, and plain words about what it is.

For the first run without a key, for tests and for measuring everything but a model. What a model would leave to a
subagent it leaves to one as well, by the signs in the text. Keeps no state after it was made, so any number of threads
may ask it. It waits on the turn's cancel event or for the host, never otherwise.
"""

from __future__ import annotations

import operator
import re
import time
from collections.abc import Callable, Mapping

from agent_runner.engines import commands, subagents
from agent_runner.engines.engine import Host, Task
from agent_runner.engines.site import Site
from openclaw.errors import CallRefused, ConfigError
from openclaw.message import complexity_signals

ECHO_LIMIT = 200
"""Characters of a message that are repeated in its answer."""

_ABOUT = (
    "I am the offline engine: I answer by a few rules and no model is behind me. "
    "With a model's key or address in .env a model answers in my place."
)
_SKILLS = (
    "I return greetings, tell the time and do small sums such as 6 * 7. In the main group I leave to a subagent, which "
    "has a container of its own, what changes several files, runs code, changes git or a database, is to be done in "
    "parallel, takes much memory, or is longer than 2000 characters."
)
_MAIN = "main"
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

    def __init__(self, name: str = "Claw", latency: float = 0.0, site: Site | None = None) -> None:
        self._name = name
        self._latency = latency
        self._site = site or Site()

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> OfflineEngine:
        """From ASSISTANT_NAME, OPENCLAW_OFFLINE_LATENCY_MS and what Site takes.

        Raises ConfigError for a latency that is no number.
        """
        latency = environ.get("OPENCLAW_OFFLINE_LATENCY_MS") or "0"
        if not re.fullmatch(r"[0-9]{1,9}", latency, re.ASCII):
            raise ConfigError(f"OPENCLAW_OFFLINE_LATENCY_MS takes whole milliseconds, not {latency[:80]!r}")
        return cls(environ.get("ASSISTANT_NAME") or "Claw", int(latency) / 1000, Site.from_environ(environ))

    def answer(self, task: Task, host: Host) -> str:
        if self._latency and task.cancel.wait(self._latency):
            return ""
        answer = self._as_agent(task, host) or self._as_itself(task, host)
        again = f"(Attempt {task.attempt}: an earlier one was cut off.) " if task.attempt > 1 else ""
        return subagents.told(task.results) + again + answer

    def _as_agent(self, task: Task, host: Host) -> str:
        """The answer of a subagent that has a profile; empty where it has none."""
        name = (task.assignment or {}).get("agent")
        if not name:
            return ""
        from agent_runner.engines import profiled  # here: few turns need it

        return profiled.answer(str(name), task, host, self._site)

    def _as_itself(self, task: Task, host: Host) -> str:
        text = task.message.text.strip()
        answer = commands.execute(text, task, host, self._site)
        return self._decide(text, task, host) if answer is None else answer

    def _decide(self, text: str, task: Task, host: Host) -> str:
        """Main's agent leaves heavy and risky work to a subagent; what the host does not take it does itself."""
        signals = complexity_signals(text) if task.message.group == _MAIN and task.assignment is None else []
        if not signals:
            return self._by_rules(text)
        try:
            return subagents.hand_over(host, {"task": task.message.text}, ", ".join(signals))
        except CallRefused as refused:
            return f"(This was work for a subagent, but the host refused: {refused}) {self._by_rules(text)}"

    def _by_rules(self, text: str) -> str:
        if _GREETING.match(text):
            return f"Hello, I am {self._name}. {_ABOUT}"
        if _HELP.match(text):
            return f"I am {self._name}. {_SKILLS} {_ABOUT}\n{commands.usage()}"
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
