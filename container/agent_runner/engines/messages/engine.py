"""MessagesEngine: answers by a model, through the host's gateway. What its turns share is made once, here.

Any number of threads. It keeps no state of a turn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from agent_runner.engines.engine import Host, Task
from agent_runner.engines.messages.caller import Caller
from agent_runner.engines.messages.gateway import Gateway
from agent_runner.engines.messages.history import Histories
from agent_runner.engines.messages.prompt import Prompts
from agent_runner.engines.messages.settings import Settings
from agent_runner.engines.messages.tool_box import ToolBox
from agent_runner.engines.messages.turn import Parts, answer
from agent_runner.engines.site import Site
from agent_runner.mcp.client import openclaw_tools
from agent_runner.tools import Tool
from agent_runner.tools.toolbox import limited, tools_for

if TYPE_CHECKING:
    from openclaw.profiles import Profile

MAIN = "main"
HostTools = Callable[[Task], Sequence[Tool]]
Limit = Callable[[Sequence[Tool], "Profile"], Sequence[Tool]]


class MessagesEngine:
    """Answers by the model that `settings` name, which may use `tools`, and what `host_tools` gives for a task.

    An agent with a profile has what `limit` leaves of them.
    """

    def __init__(
        self,
        settings: Settings,
        tools: Sequence[Tool] = (),
        caller: Caller | None = None,
        host_tools: HostTools = lambda _: (),
        limit: Limit = limited,
    ) -> None:
        def box(task: Task, profile: Profile | None) -> ToolBox:
            everything = [*tools, *host_tools(task)]
            return ToolBox(everything if profile is None else limit(everything, profile))

        self._parts = Parts(
            settings,
            caller or Caller(Gateway(settings.gateway), settings.silence),
            box,
            Prompts(settings),
            Histories(settings.group / "sessions"),
        )

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> MessagesEngine:
        """With the tools that there are in this container. Raises ConfigError as Settings does."""
        site = Site.from_environ(environ)
        return cls(
            Settings.from_environ(environ), tools_for(site), host_tools=_host_tools, limit=partial(limited, site=site)
        )

    def answer(self, task: Task, host: Host) -> str:
        return answer(self._parts, task, host)


def _host_tools(task: Task) -> Sequence[Tool]:
    """openclaw's own, as its MCP server lists them."""
    return openclaw_tools(main=task.message.group == MAIN, subagent=task.assignment is not None)
