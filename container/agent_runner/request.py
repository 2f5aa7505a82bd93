"""A request frame's body, checked key by key, as the turn that it asks for. A pure function; any thread."""

from __future__ import annotations

from typing import Any

from agent_runner.engines.engine import DEFAULT_LIMIT, Result, Task
from agent_runner.turn import Turn
from openclaw.errors import InvalidMessage
from openclaw.message import Message, load_object


def parse_request(data: bytes, turn_id: str) -> Turn:
    """The turn `turn_id`, whose id is the frame's name and nothing in it. Raises InvalidMessage."""
    body = load_object(data)
    asked, attempt, assignment = body.get("message"), body.get("attempt", 1), body.get("task")
    if not isinstance(asked, dict):
        raise InvalidMessage('a request needs "message", an object')
    if not isinstance(attempt, int) or attempt < 1:
        raise InvalidMessage('"attempt" must be a whole number from 1')
    if assignment is not None and not isinstance(assignment, dict):
        raise InvalidMessage('"task" must be an object')
    message = Message.from_json({key: given for key, given in asked.items() if key != "id"}).with_id(turn_id)
    results, limit = _results(body.get("results", [])), _limit(body.get("timeout_ms"))
    return Turn(Task(message, attempt, results, assignment, limit=limit))


def _results(given: object) -> tuple[Result, ...]:
    if not isinstance(given, list):
        raise InvalidMessage('"results" must be a list')
    return tuple(_result(one) for one in given)


def _result(given: object) -> Result:
    match given:
        case {"id": str(child_id), "status": str(status), "text": str(text)}:
            return Result(child_id, status, text)
    raise InvalidMessage('each of "results" needs "id", "status" and "text"')


def _limit(timeout_ms: Any) -> float:
    if timeout_ms is None:
        return DEFAULT_LIMIT
    if not isinstance(timeout_ms, int) or timeout_ms < 1:
        raise InvalidMessage('"timeout_ms" must be a whole number from 1')
    return timeout_ms / 1000
