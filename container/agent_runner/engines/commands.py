"""The offline engine's commands: `/NAME ARGUMENTS` as the whole text of a message.

Each is a function of its Order and returns the answer. They show what a container may and may not do, without a model;
what the kernel refuses is told in its own words. No state; any thread.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from agent_runner.engines import files, subagents, tasks
from agent_runner.engines.engine import Host, Task
from agent_runner.engines.site import Site
from openclaw.errors import CallRefused, OpenClawError

MAX_SPAWN = 100
"""Subagents that one /spawn may ask for."""

MAX_WAIT = 86_400.0
"""Seconds that a /wait takes at most; the host ends the turn long before."""

# Compiled when they are first used: a container's start has no time for it.
_COMMAND = r"(?s)/([a-z]+)(?:\s+(.*))?"
_SPAWN = r"(?s)(?:(\d{1,4})\s+)?(?:(high|normal|low)\s+)?(\S.*)"
_WRITE = r"(?s)(\S+)\s(.+)"
_SCHEDULE = r"(?s)(cron|interval|once)\s+(.+?)\s+--\s+(\S.*)"
_FORBIDDEN = (
    "Commands run and files are written in containers only, and this machine has no engine for them. "
    "ALLOW_UNSANDBOXED_TOOLS=true in .env allows it here, without any isolation."
)


_REACHED = {
    "memory_mb": "(The container ran out of memory, and something was killed: its group's memory_mb sets the limit.)",
    "pids": "(The container was refused a process more: its group's pids sets the limit.)",
}
"""What is said where a limit was reached while a command ran."""


class Order(NamedTuple):
    """A command on its way: its whole text, what follows the name, and whom and where it is for."""

    text: str
    rest: str
    task: Task
    host: Host
    site: Site


class Command(NamedTuple):
    """One command: what follows its name, what it does in a few words, how, and which of an agent's tools it takes."""

    arguments: str
    does: str
    run: Callable[[Order], str]
    tool: str = ""


class _Misused(OpenClawError):
    """The arguments are not what the command takes."""


def find(text: str) -> Command | None:
    """The command that a message is, None where it is none, or none that there is."""
    match = re.fullmatch(_COMMAND, text) if text.startswith("/") else None
    return COMMANDS.get(match[1]) if match is not None else None


def execute(text: str, task: Task, host: Host, site: Site) -> str | None:
    """The answer to a message that is a command, None where it is none.

    Raises an OpenClawError where the turn fails, which what a command is refused does not make it.
    """
    match = re.fullmatch(_COMMAND, text) if text.startswith("/") else None
    if match is None:
        return None
    name, rest = match[1], match[2] or ""
    command = COMMANDS.get(name)
    if command is None:
        return f"There is no command /{name[:40]}; /help names them."
    if "\0" in rest:
        return f"/{name} takes no NUL characters."
    try:
        return command.run(Order(text, rest, task, host, site))
    except _Misused:
        return f"Use: /{name} {command.arguments}"
    except CallRefused as refused:
        return f"The host refused: {refused}"
    except OSError as error:
        return f"/{name} could not be done: {error.strerror or error}"


def usage() -> str:
    """Every command and what it does, a line each."""
    lines = [f"  {f'/{name} {one.arguments}'.strip()}: {one.does}" for name, one in COMMANDS.items()]
    return "\n".join(["Commands, each as a message of its own:", *lines])


def _help(_: Order) -> str:
    return usage()


def _spawn(order: Order) -> str:
    match = re.fullmatch(_SPAWN, order.rest)
    count = int(match[1] or 1) if match is not None else 0
    if match is None or not 1 <= count <= MAX_SPAWN:
        raise _Misused
    arguments = {"priority": match[2]} if match[2] else {}
    work = {"task": match[3], **arguments} if match[3][0] != "@" else {**_agents_work(match[3]), **arguments}
    if count == 1:
        return subagents.hand_over(order.host, work, "asked for by /spawn")
    return subagents.hand_over_many(order.host, count, work, "asked for by /spawn")


def _agents_work(text: str) -> dict[str, Any]:
    """What `@AGENT PATH… -- TASK` asks for; paths are quoted as in a shell, and one of both may be left out."""
    import shlex  # here: a container's start has no time for it

    before, dashes, task = text.partition(" -- ")
    try:
        agent, *paths = shlex.split(before)
    except ValueError:
        raise _Misused from None
    if not (paths or task.strip()) or (dashes and not task.strip()):
        raise _Misused
    work = {"agent": agent.removeprefix("@"), "paths": paths, "task": task.strip()}
    return {key: given for key, given in work.items() if given}


def _subagents(order: Order) -> str:
    return subagents.listed(order.host)


def _subagent(order: Order) -> str:
    return subagents.shown(order.host, _word(order))


def _cancel(order: Order) -> str:
    return subagents.cancelled(order.host, _word(order))


def _tasks(order: Order) -> str:
    answer = tasks.command(order.host, order.rest)
    if answer is None:
        raise _Misused
    return answer


def _schedule(order: Order) -> str:
    match = re.fullmatch(_SCHEDULE, order.rest)
    if match is None:
        raise _Misused
    return tasks.scheduled(order.host, *match.groups())


def _read(order: Order) -> str:
    path = _path(order, _word(order))
    order.host.tool("Read", path)
    return files.read(path) or f"{path} is empty."


def _ls(order: Order) -> str:
    path = _path(order, order.rest or os.curdir)
    order.host.tool("Glob", path)
    return "\n".join(files.listing(path)) or f"{path} is empty."


def _path(order: Order, path: str) -> str:
    if not order.site.may_read(path):
        raise OSError(errno.EACCES, f"{path} is outside the group's folder, and no container is around this agent")
    return path


def _write(order: Order) -> str:
    match = re.fullmatch(_WRITE, order.rest)
    if match is None:
        raise _Misused
    path, text = match.groups()
    if (elsewhere := _elsewhere(order)) is not None:
        return elsewhere
    order.host.tool("Write", path)
    return f"Wrote {files.write(path, text)} bytes to {path}."


def _run(order: Order) -> str:
    if not order.rest:
        raise _Misused
    if (elsewhere := _elsewhere(order)) is not None:
        return elsewhere
    # Here: subprocess costs every start 4 ms and 0.5 MB, and few turns run.
    from agent_runner.engines import limits, shell

    order.host.tool("Bash", order.rest)
    before = limits.counted()
    output, code = shell.run(order.rest, order.task.cancel)
    ended = f"(ended after {shell.LIMIT:.0f} s)" if code is None else f"(exit code {code})"
    reached = [_REACHED[setting] for setting in limits.reached_since(before)]
    return "\n".join([output.rstrip(), ended, *reached]).lstrip()


def _elsewhere(order: Order) -> str | None:
    """The answer to what is not done in this place; None where it may be done here."""
    if order.site.open_machine:
        return _FORBIDDEN
    if order.site.single_use:
        return None
    return subagents.hand_over(order.host, {"task": order.text}, "commands run in dedicated containers only")


def _wait(order: Order) -> str:
    try:
        seconds = float(order.rest)
    except ValueError:
        raise _Misused from None
    if not 0 <= seconds <= MAX_WAIT:  # NaN included
        raise _Misused
    order.task.cancel.wait(seconds)
    return f"Waited {seconds:g} s."


def _delta(order: Order) -> str:
    if not order.rest:
        raise _Misused
    for word in re.findall(r"\s*\S+\s*", order.rest):
        order.host.delta(word)
    return order.rest


def _env(_: Order) -> str:
    return "\n".join(sorted(os.environ))


def _fail(order: Order) -> str:
    raise OpenClawError(order.rest or "asked for by /fail")


def _word(order: Order) -> str:
    """The one argument."""
    if len(order.rest.split()) != 1:
        raise _Misused
    return order.rest.strip()


COMMANDS = {
    "help": Command("", "this list", _help),
    "spawn": Command(f"[N] [high|normal|low] TASK (N at most {MAX_SPAWN}; in place of TASK: @AGENT PATH… -- TASK)",
                     "have a subagent, or N of them side by side, do TASK, which may be a command; with @AGENT it "
                     "follows that profile and reads these paths", _spawn),
    "subagents": Command("", "those that run or wait", _subagents),
    "subagent": Command("ID", "how far one is, or its reply", _subagent),
    "cancel": Command("ID", "end one", _cancel),
    "tasks": Command(tasks.ARGUMENTS, "the scheduled tasks, or what is to be done with one", _tasks),
    "schedule": Command("cron|interval|once WHEN -- PROMPT", "have PROMPT asked at times to come", _schedule),
    "read": Command("PATH", "the beginning of a file", _read, "Read"),
    "ls": Command("[PATH]", "the names in a folder", _ls, "Glob"),
    "write": Command("PATH TEXT", "write a file; in a dedicated container only", _write, "Write"),
    "run": Command("COMMAND", "run it by /bin/sh for a minute at most; in a dedicated container only", _run, "Bash"),
    "wait": Command("SECONDS", "answer after that", _wait),
    "delta": Command("TEXT", "repeat TEXT word by word, as events", _delta),
    "env": Command("", "the names of the environment's variables", _env),
    "fail": Command("TEXT", "a turn that fails with this error", _fail),
}  # fmt: skip
