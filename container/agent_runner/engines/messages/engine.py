"""MessagesEngine: answers by a model, through the host's gateway. What its turns share is made once, here.

Any number of threads. It keeps no state of a turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent_runner.engines.engine import Host, Task
from agent_runner.engines.messages.caller import Caller
from agent_runner.engines.messages.gateway import Gateway
from agent_runner.engines.messages.history import Histories
from agent_runner.engines.messages.prompt import Prompts
from agent_runner.engines.messages.settings import Settings
from agent_runner.engines.messages.tool_box import ToolBox
from agent_runner.engines.messages.turn import Parts, answer
from agent_runner.tools import Tool


class MessagesEngine:
    """Answers by the model that `settings` name, which may use `tools`."""

    def __init__(self, settings: Settings, tools: Sequence[Tool] = (), caller: Caller | None = None) -> None:
        self._parts = Parts(
            settings,
            caller or Caller(Gateway(settings.gateway), settings.silence),
            ToolBox(tools),
            Prompts(settings),
            Histories(settings.group / "sessions"),
        )

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], tools: Sequence[Tool] = ()) -> MessagesEngine:
        """From what Settings takes. Raises ConfigError."""
        return cls(Settings.from_environ(environ), tools)

    def answer(self, task: Task, host: Host) -> str:
        return answer(self._parts, task, host)
