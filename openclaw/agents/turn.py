"""Turn: one accepted message on its way to its reply, and the two ways in which an attempt at it ends.

A turn is written by one thread at a time: by the router until it is dispatched, by the agent that works on it
until that hands it back with an Answer or a Loss, then by delivery. Whoever has handed it on never writes to it again,
but for `cancelled`, which the router sets once, whoever has the turn; every later hand looks at it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from openclaw.message import Message, Reply, Timing

if TYPE_CHECKING:
    from openclaw.agents.attachment import Attachment
    from openclaw.message.model import Route, Status
    from openclaw.spool import Origin

LAST_ATTEMPT = 2
"""An attempt that had begun when its container died is repeated once; what it did twice is told to the agent."""

LAST_SEND = 5
"""A request that no container has begun is sent again; after so many sends the containers themselves are at fault."""


@dataclass(slots=True, eq=False)
class Turn:
    """One message in flight. Times are seconds: `accepted` and `begun` monotonic, `accepted_at` since 1970."""

    message: Message
    seq: int
    accepted: float
    accepted_at: float
    digest: str = ""
    origin: Origin | None = None
    attempt: int = 1
    sends: int = 0
    route: Route = "persistent"
    state: Literal["queued", "running"] = "queued"
    begun: float | None = None
    cancelled: bool = False
    attachment: Attachment | None = field(default=None, repr=False)

    @property
    def id(self) -> str:
        return self.message.id

    @property
    def lane(self) -> tuple[str, str]:
        """Turns of one lane run in order, one at a time."""
        return self.message.group, self.message.session

    def reply(self, answer: Answer, now: float) -> Reply:
        """The reply to this turn's message, `now` being the monotonic time at which it is composed."""
        total = max(0, round((now - self.accepted) * 1000))
        prep = total if self.begun is None else max(0, round((self.begun - self.accepted) * 1000))
        return Reply(
            id=self.id,
            group=self.message.group,
            session=self.message.session,
            status=answer.status,
            text=answer.text,
            route=self.route,
            attempt=self.attempt,
            timing=Timing(prep_ms=min(prep, total), agent_ms=max(0, min(answer.agent_ms, total)), total_ms=total),
            error=answer.error,
        )


class Answer(NamedTuple):
    """The attempt is over: `text` for the sender, or `error` saying why there is none."""

    status: Status
    text: str = ""
    error: str = ""
    agent_ms: int = 0

    @classmethod
    def cancelled(cls) -> Answer:
        return cls("cancelled", error="cancelled")

    @classmethod
    def failed(cls, error: str) -> Answer:
        return cls("failed", "", error)


class Loss(NamedTuple):
    """The container is gone without an answer; `begun` tells whether it had started on the turn."""

    reason: str
    begun: bool


Outcome = Answer | Loss
TurnEnded = Callable[[Turn, Outcome], None]
"""Called once for every dispatched turn, from the agent's thread; must not block."""


def group_title(group: str) -> str:
    """A group's name in log lines: Main is written with a capital, others as they are."""
    return "Main" if group == "main" else group
