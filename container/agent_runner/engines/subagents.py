"""What the offline engine says when it has the host start, list, show and cancel subagents.

Pure but for the host's calls; whatever raises CallRefused or TurnCancelled here comes from those.
"""

from __future__ import annotations

from typing import Any

from agent_runner.engines.engine import Host, Result
from agent_runner.engines.parallel import run_all
from openclaw.errors import CallRefused

Work = dict[str, Any]
"""Arguments of spawn_subagent, but for the reason."""

SHOWN = 500
"""Characters of a subagent's reply, or of its task, that are shown."""


def hand_over(host: Host, work: Work, reason: str) -> str:
    """Have a subagent do `work`."""
    child = _spawn(host, work, reason)
    child_id, status = child["id"], child["status"]
    place = f" at place {child['place']}" if child.get("place") else ""
    return f"I gave this to a subagent ({child_id}, {status}{place}): {reason}. Its reply comes as {child_id}."


def hand_over_many(host: Host, count: int, work: Work, reason: str) -> str:
    """Have `count` subagents do the same, side by side."""
    outcomes = run_all([lambda: _spawn(host, work, reason)] * count)
    children = [outcome for outcome in outcomes if isinstance(outcome, dict)]
    errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    failure = next((error for error in errors if not isinstance(error, CallRefused)), None)
    if failure is not None or not children:
        raise failure or errors[0]
    queued = sum(child["status"] == "queued" for child in children)
    refused = f" The host refused {len(errors)} more: {errors[0]}" if errors else ""
    ids = ", ".join(child["id"] for child in children)
    return (
        f"I gave this to {len(children)} subagents ({len(children) - queued} started, {queued} queued): {reason}. "
        f"Their replies come as {ids}.{refused}"
    )


def listed(host: Host) -> str:
    """Those that run or wait, a line each."""
    children = host.call("list_subagents", {})["subagents"]
    lines = [f"{one['id']} is {one['status']} ({one['priority']}): {_short(one['task'])}" for one in children]
    return "\n".join(lines) or "No subagent runs or waits."


def shown(host: Host, child_id: str) -> str:
    """How far one is, or what it has replied."""
    child = host.call("get_subagent", {"id": child_id})
    said = child.get("text") or child.get("error")
    return f"{child_id} is {child['status']}" + (f": {said}" if said else ".")


def cancelled(host: Host, child_id: str) -> str:
    """Have one ended."""
    child = host.call("cancel_subagent", {"id": child_id})
    return f"{child['id']}: {child['status']}."


def told(results: tuple[Result, ...]) -> str:
    """The replies that the session has not seen yet, a paragraph each."""
    return "".join(f"Subagent {one.id} finished ({one.status}): {_short(one.text)}\n\n" for one in results)


def _spawn(host: Host, work: Work, reason: str) -> dict[str, Any]:
    return host.call("spawn_subagent", {**work, "reason": reason})


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
