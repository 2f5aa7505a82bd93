"""Job: one single-use container, from its start until the engine has removed it.

Owned by the dedicated agents' thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Future

    from openclaw.agents.attachment import Attachment
    from openclaw.agents.turn import Turn
    from openclaw.clock import Timer
    from openclaw.containers.runtime import ContainerSpec


@dataclass(slots=True, eq=False)
class Job:
    """A container and the one turn that it serves; None while it stands by."""

    name: str
    attachment: Attachment
    turn: Turn | None = None
    spec: ContainerSpec | None = None
    """What it was started with; None where it was taken over from an earlier process."""
    started: Future[None] | None = None
    limit: Timer | None = None
    over: bool = False
    """The turn has ended, or there will be none: the container is only to be removed."""

    @property
    def cid(self) -> str:
        return self.attachment.channel.cid

    @property
    def serves_subagent(self) -> bool:
        return self.turn is not None and bool(self.turn.parent)
