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
    """What the engine is given. `state` belongs to Turns."""

    __slots__ = ("state", "task")

    def __init__(self, task: Task) -> None:
        self.task = task
        self.state = State.WAITING

    @property
    def id(self) -> str:
        return self.task.message.id

    @property
    def limit(self) -> float:
        """Seconds that it may take."""
        return self.task.limit

    @property
    def cancel(self) -> Cancel:
        """Set to end it early."""
        return self.task.cancel

    @property
    def lane(self) -> tuple[str, str]:
        """Turns of one lane run in order, one at a time."""
        return self.task.message.group, self.task.message.session
