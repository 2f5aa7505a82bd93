"""Turn: one request on its way to its response."""

from __future__ import annotations

from enum import Enum, auto

from agent_runner.cancel import Cancel
from agent_runner.engines.engine import Task


class State(Enum):
    WAITING = auto()
    RUNNING = auto()
    OVER = auto()


class Turn:
    """What the engine is given, and how long it may take in seconds. `state` belongs to Turns."""

    __slots__ = ("limit", "state", "task")

    def __init__(self, task: Task, limit: float) -> None:
        self.task = task
        self.limit = limit
        self.state = State.WAITING

    @property
    def id(self) -> str:
        return self.task.message.id

    @property
    def cancel(self) -> Cancel:
        """Set to end it early."""
        return self.task.cancel

    @property
    def lane(self) -> tuple[str, str]:
        """Turns of one lane run in order, one at a time."""
        return self.task.message.group, self.task.message.session
