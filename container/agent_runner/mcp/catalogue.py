"""The catalogue: every tool of the host as MCP lists it, and which of them a turn is given.

The host decides on every call again, by the container that it comes from: what is left out here would be refused there.
"""

from __future__ import annotations

from typing import Any, Final

_ID = {"type": "string", "minLength": 1, "description": "A subagent's id, as in a1b2.s1"}
_TASK = {"type": "string", "minLength": 1, "description": "A scheduled task's id, as list_tasks shows it"}
_SCHEDULE: Final[dict[str, dict[str, Any]]] = {
    "prompt": {
        "type": "string",
        "minLength": 1,
        "maxLength": 16 * 1024,
        "description": "What is asked each time, in full: whoever is asked may know nothing of this conversation",
    },
    "schedule_type": {
        "type": "string",
        "enum": ["cron", "interval", "once"],
        "description": "By a cron expression, again and again after an interval, or once",
    },
    "schedule_value": {
        "type": "string",
        "minLength": 1,
        "maxLength": 200,
        "description": 'cron: five fields as in "0 9 * * mon-fri". interval: milliseconds as in "3600000", or "15m", '
        '"1h"; a minute at least. once: a local time as in "2026-12-01T09:00", or "+20m" from now',
    },
    "timezone": {
        "type": "string",
        "maxLength": 80,
        "description": "Whose clocks count, as in Europe/Berlin; the machine's by default",
    },
    "context_mode": {
        "type": "string",
        "enum": ["group", "isolated"],
        "description": "group, the default: each run belongs to the session in which it was scheduled; isolated: each "
        "has a fresh one",
    },
    "missed": {
        "type": "string",
        "enum": ["run", "skip"],
        "description": "What came due while openclaw did not run: run, the default, does it once then; skip does not",
    },
}


def _tool(
    name: str,
    title: str,
    description: str,
    properties: dict[str, dict[str, Any]],
    required: list[str],
    *,
    read_only: bool = False,
    destructive: bool = False,
    idempotent: bool = False,
    open_world: bool = False,
) -> dict[str, Any]:
    return {
        "name": name,
        "title": title,
        "description": description,
        "inputSchema": {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        },
        "annotations": {
            "title": title,
            "readOnlyHint": read_only,
            "destructiveHint": destructive,
            "idempotentHint": idempotent,
            "openWorldHint": open_world,
        },
    }


CATALOGUE: Final[list[dict[str, Any]]] = [
    _tool(
        "spawn_subagent",
        "Spawn a subagent",
        "Has a subagent do a task in a container of its own, where it may run commands and write files: for heavy or "
        "risky work, and for work side by side. It knows nothing of this conversation but what you tell it. Its result "
        "comes to the user as a reply of its own, and to you with the next message of this session.",
        {
            "task": {
                "type": "string",
                "minLength": 1,
                "description": "What it is to do, and what it is to report; only an agent with paths can do without",
            },
            "context": {"type": "string", "description": "What it has to know for that"},
            "priority": {"type": "string", "enum": ["high", "normal", "low"], "description": "normal by default"},
            "reason": {"type": "string", "maxLength": 1000, "description": "Why this is for a subagent, for the log"},
            "agent": {
                "type": "string",
                "description": "The name of an agent profile for it to follow, as in .claude/agents/NAME.md",
            },
            "paths": {
                "type": "array",
                "items": {"type": "string"},
                "maxItems": 16,
                "description": "What it is given to read: in this group's folder, or on the host where the user's "
                "allowlist has it",
            },
            "wait": {
                "type": "boolean",
                "description": "Wait for its result; shortly before this turn's time is over you get running instead",
            },
        },
        [],
        destructive=True,
        open_world=True,
    ),
    _tool(
        "list_subagents",
        "List subagents",
        "Lists the subagents that run or wait.",
        {},
        [],
        read_only=True,
        idempotent=True,
    ),
    _tool(
        "get_subagent",
        "Look at a subagent",
        "Tells how far a subagent is, or its result.",
        {"id": _ID},
        ["id"],
        read_only=True,
        idempotent=True,
    ),
    _tool(
        "cancel_subagent",
        "Cancel a subagent",
        "Ends a subagent that runs or waits.",
        {"id": _ID},
        ["id"],
        destructive=True,
        idempotent=True,
    ),
    _tool(
        "send_message",
        "Send a message",
        "Tells the user something now, before your answer, which is sent by itself: that work takes a while, or what "
        "was found so far.",
        {
            "text": {"type": "string", "minLength": 1, "maxLength": 16 * 1024, "description": "What the user reads"},
            "session": {"type": "string", "description": "Another session of this group; this one by default"},
        },
        ["text"],
        open_world=True,
    ),
    _tool(
        "register_group",
        "Register a group",
        "Makes a further group: a conversation with files and an agent of its own, which sees nothing of this one. "
        "Only if the user has asked for it.",
        {
            "name": {"type": "string", "minLength": 1, "maxLength": 64, "description": "Letters, digits, - and _"},
            "trigger": {"type": "string", "maxLength": 200, "description": "How chats with it begin, as in @claw"},
        },
        ["name"],
        idempotent=True,
    ),
    _tool(
        "schedule_task",
        "Schedule a task",
        "Has a prompt asked at times to come, once or again and again; the answer comes to the user like any other. "
        "You get the task's id and the next three local times, which tell whether it is what was meant: say them to "
        "the user.",
        {
            **_SCHEDULE,
            "group": {"type": "string", "description": "This one by default; another one from the main group only"},
        },
        ["prompt", "schedule_type", "schedule_value"],
    ),
    _tool(
        "list_tasks",
        "List scheduled tasks",
        "Lists this group's scheduled tasks, in the main group those of all: when each is due and what its last run "
        "came to.",
        {},
        [],
        read_only=True,
        idempotent=True,
    ),
    _tool(
        "update_task",
        "Change a scheduled task",
        "Gives a scheduled task other words or another schedule, which then begins anew; what is not named stays.",
        {"id": _TASK, **_SCHEDULE},
        ["id"],
        idempotent=True,
    ),
    _tool(
        "pause_task",
        "Pause a scheduled task",
        "Has a scheduled task not run until it is resumed.",
        {"id": _TASK},
        ["id"],
        idempotent=True,
    ),
    _tool(
        "resume_task",
        "Resume a scheduled task",
        "Has a paused task run again from its next time on; what came due meanwhile is not made up.",
        {"id": _TASK},
        ["id"],
        idempotent=True,
    ),
    _tool(
        "cancel_task",
        "Cancel a scheduled task",
        "Takes a scheduled task away for good, with its history; a run that is under way goes on.",
        {"id": _TASK},
        ["id"],
        destructive=True,
        idempotent=True,
    ),
]
"""As `tools/list` gives it; the order stays, so that a prompt with it can be cached."""

_FOR_EVERY_GROUP: Final = frozenset(
    {"send_message", "schedule_task", "list_tasks", "update_task", "pause_task", "resume_task", "cancel_task"}
)


def names_for(*, main: bool, subagent: bool) -> list[str]:
    """What a turn is given: Main's own agent all, another group's its say, a subagent nothing, for it works alone."""
    if subagent:
        return []
    return [tool["name"] for tool in CATALOGUE if main or tool["name"] in _FOR_EVERY_GROUP]
