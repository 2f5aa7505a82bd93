"""SpawnRequest: the arguments of spawn_subagent, checked key by key. Pure; what an agent writes is not trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, get_args

from openclaw.errors import CallRefused
from openclaw.message import Priority, is_id, is_name

MAX_TASK: Final = 256 * 1024
"""Bytes of a task, and of its context."""

MAX_REASON: Final = 1000
MAX_PATHS: Final = 16
MAX_PATH: Final = 4096

_KEYS: Final = frozenset({"task", "context", "priority", "reason", "agent", "paths", "wait"})


@dataclass(frozen=True, slots=True)
class SpawnRequest:
    """What a subagent is to do, and how."""

    task: str
    context: str = ""
    priority: Priority = "normal"
    reason: str = ""
    agent: str = ""
    paths: tuple[str, ...] = ()
    wait: bool = False

    @classmethod
    def parse(cls, given: dict[str, Any]) -> SpawnRequest:
        """Raises CallRefused, whose text names the argument and what it takes."""
        unknown = sorted(given.keys() - _KEYS)
        if unknown:
            known = ", ".join(sorted(_KEYS))
            raise CallRefused(f"spawn_subagent has no argument {unknown[0][:80]!r}; it takes {known}")
        for key in ("task", "context", "reason", "agent"):
            if not isinstance(given.get(key, ""), str):
                raise CallRefused(f'"{key}" must be a string')
        for key in ("task", "context"):
            if len(given.get(key, "").encode("utf-8", "surrogatepass")) > MAX_TASK:
                raise CallRefused(f'"{key}" takes at most {MAX_TASK} bytes; put the rest into a file')
        if given.get("priority", "normal") not in get_args(Priority):
            raise CallRefused('"priority" is "high", "normal" or "low"')
        if len(given.get("reason", "")) > MAX_REASON:
            raise CallRefused(f'"reason" takes at most {MAX_REASON} characters')
        if given.get("agent") and not is_name(given["agent"]):
            raise CallRefused('"agent" must be the name of a profile, as `openclaw agents list` has them')
        if not isinstance(given.get("wait", False), bool):
            raise CallRefused('"wait" is true or false')
        paths = _paths(given.get("paths", []))
        return cls(**{**given, "paths": paths, "task": _task(given, paths)})

    def told(self) -> dict[str, Any]:
        """What the subagent is told beside its task."""
        told: dict[str, Any] = {"context": self.context, "reason": self.reason, "agent": self.agent}
        told["paths"] = list(self.paths)
        return {key: value for key, value in told.items() if value}


def only_id(arguments: dict[str, Any]) -> str:
    """The one argument "id". Raises CallRefused."""
    child_id = arguments.get("id")
    if set(arguments) != {"id"} or not isinstance(child_id, str) or not is_id(child_id):
        raise CallRefused('the only argument is "id", a subagent\'s id such as a1b2.s1')
    return child_id


def _task(given: dict[str, Any], paths: tuple[str, ...]) -> str:
    """An agent that is given paths knows by its profile what to do with them."""
    task = str(given.get("task", ""))
    if task.strip():
        return task
    if not given.get("agent") or not paths:
        raise CallRefused('"task" is missing: say what the subagent is to do')
    return f"Do your part with {', '.join(paths)}."


def _paths(paths: object) -> tuple[str, ...]:
    if not isinstance(paths, list) or len(paths) > MAX_PATHS:
        raise CallRefused(f'"paths" is a list of at most {MAX_PATHS} paths on the host')
    for path in paths:
        if not isinstance(path, str) or not 0 < len(path) <= MAX_PATH or not path.isprintable():
            raise CallRefused(f'"paths" takes printable paths of at most {MAX_PATH} characters')
    return tuple(paths)
