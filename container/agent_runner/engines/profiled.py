"""What the offline engine does as an agent with a profile: the performance audit, or the command that it is given.

No model is there that could follow a profile's instructions, which it says. No state; any thread.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from agent_runner.engines import audit, commands
from agent_runner.engines.engine import Host, Task
from agent_runner.engines.site import Site
from openclaw.profiles import ProfileFolder

PERFORMANCE_ENGINEER: Final = "performance-engineer"


def answer(name: str, task: Task, host: Host, site: Site) -> str:
    """The answer of the agent NAME. Raises UnknownAgent, InvalidProfile, and what else makes the turn fail."""
    profile = ProfileFolder(Path.cwd()).find(name)
    text = task.message.text.strip()
    if name == PERFORMANCE_ENGINEER:
        return audit.report(task, host)
    command = commands.find(text)
    if command is not None and command.tool and not profile.may_use(command.tool):
        return f"The profile {name} has no {command.tool}, which this takes: .claude/agents/{name}.md names its tools."
    done = commands.execute(text, task, host, site)
    if done is not None:
        return done
    return (
        f"I am the offline engine: no model is behind me that could follow the profile {name}. Commands work, within "
        f"its tools (/help names them), and {PERFORMANCE_ENGINEER} runs the audit. With a model's key or address in "
        ".env a model does your task."
    )
