"""Engines: who answers a message.

    engine     what an engine is, and what it is given
    offline    rules, no model
    commands   the commands of the offline engine, and what they do: subagents, files, shell
    limits     whether the container has let a command have no more
    profiled   what the offline engine does as an agent with a profile: audit, in the language of the request
    messages/  a model, by the Messages API
"""

from __future__ import annotations

from collections.abc import Mapping

from agent_runner.engines.engine import Engine, Host, Result, Task, TurnCancelled, TurnCut
from agent_runner.engines.offline import OfflineEngine
from openclaw.errors import ConfigError

__all__ = ["Engine", "Host", "Result", "Task", "TurnCancelled", "TurnCut", "engine_from"]


def engine_from(environ: Mapping[str, str]) -> Engine:
    """The engine that OPENCLAW_ENGINE names, "offline" where it is not set. Raises ConfigError for another name."""
    name = environ.get("OPENCLAW_ENGINE", "offline")
    if name == "messages":
        from agent_runner.engines.messages.engine import MessagesEngine  # here: the offline one does not pay for it

        return MessagesEngine.from_environ(environ)
    if name != "offline":
        raise ConfigError(
            f"OPENCLAW_ENGINE takes messages or offline, not {name[:80]!r}; a newer image may know it: make image"
        )
    return OfflineEngine.from_environ(environ)
