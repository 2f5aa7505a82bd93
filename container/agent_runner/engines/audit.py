"""The performance audit as an agent's answer: run by a process of its own on what the agent was given to read.

The audit takes many times the runner's memory, so it is never imported here. No state; any thread.
"""

from __future__ import annotations

import shlex
import sys
from typing import Any, Final

from agent_runner.engines.engine import Host, Task, TurnCancelled
from agent_runner.engines.language import language_of
from openclaw.errors import OpenClawError

KEPT: Final = 256 * 1024
"""Bytes of a report; of a longer one the middle is left out, so that its last sections are there."""

MARGIN: Final = 5.0
"""Seconds before the end of the turn's time at which the audit is ended, so that this can be said."""

# The report, a NUL, and what the audit said beside it: its warnings belong nowhere in the report's five sections.
_SCRIPT: Final = 'exec 3>&1; said=$({command} 2>&1 >&3); code=$?; printf "\\000%s" "$said"; exit $code'


def report(task: Task, host: Host) -> str:
    """The audit of the paths that the task was given. Raises OpenClawError with what to do where there is none."""
    from agent_runner.engines import limits, shell  # here: subprocess costs every start 4 ms and 0.5 MB

    assignment = task.assignment or {}
    places = dict(zip(assignment.get("places", ()), assignment.get("paths", ()), strict=False))
    if not places:
        raise OpenClawError('nothing was named to be audited: "paths" do, as in /spawn @performance-engineer PATH')
    arguments = ["-m", "openclaw.audit", "--lang", _language(task, assignment), *places]
    host.tool("Bash", shlex.join(["python3", "-P", *arguments]))
    before = limits.counted()
    command = shlex.join([sys.executable, "-P", *arguments])
    finished = shell.run(
        _SCRIPT.format(command=command), task.cancel, max(1.0, task.limit - MARGIN), keep=KEPT, hint=" of the report"
    )
    if task.cancel.is_set():
        raise TurnCancelled
    text, _, said = finished.output.rpartition("\0")
    if finished.code not in (0, 1) or not text.startswith("## "):
        why = "it took too long" if finished.code is None else said.strip()[-1000:] or f"it ended with {finished.code}"
        if "memory_mb" in limits.reached_since(before):
            why = "it ran out of memory, which the group's memory_mb limits"
        raise OpenClawError(f"the audit was not done: {why}; try it on a part of the code")
    for place, path in sorted(places.items(), reverse=True):  # a container's own names mean nothing outside
        text = text.replace(f"{place}/", f"{path.rstrip('/')}/").replace(f"{place}:", f"{path}:")
    return text.rstrip()


def _language(task: Task, assignment: dict[str, Any]) -> str:
    return language_of(f"{task.message.text}\n{assignment.get('context', '')}")
