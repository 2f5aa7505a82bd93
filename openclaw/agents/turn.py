"""Turn: one accepted message on its way to its reply, and the two ways in which an attempt at it ends.

A turn is written by one thread at a time: by the router until it is dispatched, by the agent that works on it
until that hands it back with an Answer or a Loss, then by delivery. Whoever has handed it on never writes to it again,
but for `cancelled`, which the router sets once, whoever has the turn; every later hand looks at it. The `tally` is the
gateway's to add to, whenever it likes.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from openclaw.errors import CallRefused
from openclaw.gateway.usage import Tally
from openclaw.message import Message, Record, Reply, Timing, parent_id

if TYPE_CHECKING:
    from openclaw.agents.attachment import Attachment
    from openclaw.containers.event_tail import Event
    from openclaw.message import Frame
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
    call: tuple[str, int] | None = None
    """Of a subagent: the container and the number of the call that asked for it; heard twice, it is one subagent."""
    subagents: list[str] = field(default_factory=list)
    """The ids of those that this turn has asked for; appended to by routing's Subagents alone."""
    task: dict[str, Any] = field(default_factory=dict)
    """Of a subagent: what it is told beside its text: {"context"?, "agent"?, "paths"?, "reason"?}."""
    places: tuple[str, ...] = ()
    """Of a subagent: where its container has each of the task's paths."""
    results: list[dict[str, Any]] = field(default_factory=list)
    """Replies of subagents that the session has not seen: {"id", "status", "text"}; set when it is dispatched."""
    placed: Future[int] | None = field(default=None, repr=False)
    """Done by the agent that takes the turn: 0 when it runs, else its place in the queue; or 0 at its end."""
    attachment: Attachment | None = field(default=None, repr=False)
    tally: Tally = field(default_factory=Tally, repr=False)
    """The tokens of all its attempts, as far as this process has seen them."""

    @property
    def id(self) -> str:
        return self.message.id

    @property
    def parent(self) -> str:
        """Of a subagent: the id of the message that it works for. A subagent bears the session of that message."""
        return parent_id(self.id)

    @property
    def lane(self) -> tuple[str, str]:
        """Turns of one lane run in order, one at a time; every subagent has one of its own."""
        return self.message.group, self.id if self.parent else self.message.session

    @property
    def session_key(self) -> str:
        """The session for which it works: those of one group and session share what there is fairly with others."""
        return f"{self.message.group}/{self.message.session}"

    def concerns_session(self, answer: Answer) -> bool:
        """Whether its session has to know how it ended: what was said, or of which results it was told.

        A turn that failed without a word was told of nothing. A subagent has no session of its own to keep.
        """
        return not self.parent and (answer.record is not None or (bool(self.results) and answer.status == "done"))

    def is_placed(self, place: int) -> None:
        """Tell whoever waits to hear it, once, whether the turn runs (0) or at which place it waits; any thread."""
        if self.placed is not None:
            with suppress(InvalidStateError):  # it was told before
                self.placed.set_result(place)

    def is_refused(self, error: Exception) -> None:
        """Tell whoever waits to hear where it is placed that it has no place."""
        if self.placed is not None and not self.placed.done():
            self.placed.set_exception(CallRefused(str(error)))

    def request(self, timeout: float) -> dict[str, Any]:
        """The body of the request frame; `timeout` in seconds."""
        body: dict[str, Any] = {
            "message": self.message.content(),
            "attempt": self.attempt,
            "timeout_ms": round(timeout * 1000),
        }
        if self.results:
            body["results"] = self.results
        if self.parent:
            body["task"] = {**self.task, "places": list(self.places)} if self.places else self.task
        return body

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
            subagents=tuple(self.subagents),
            usage=self.tally.read().to_json(),
        )


class Answer(NamedTuple):
    """The attempt is over: `text` for the sender, or `error` saying why there is none, or no more of it.

    `record` is what the turn leaves to its session, None where that is nothing.
    """

    status: Status
    text: str = ""
    error: str = ""
    agent_ms: int = 0
    record: Record | None = None

    @classmethod
    def cancelled(cls) -> Answer:
        return cls("cancelled", error="cancelled")

    @classmethod
    def failed(cls, error: str) -> Answer:
        return cls("failed", "", error)

    @classmethod
    def bug(cls) -> Answer:
        """Our own code has failed on it."""
        return cls.failed("an internal error, which logs/app.log tells; send it again")


class Loss(NamedTuple):
    """The container is gone without an answer; `begun` tells whether it had started on the turn."""

    reason: str
    begun: bool


Outcome = Answer | Loss


class TurnListener(Protocol):
    """Who is told what becomes of the turns that agents work on. Called from the agents' threads; never blocks."""

    def begun(self, turn: Turn, /) -> None:
        """The runner has started on it."""
        ...

    def happened(self, turn: Turn, events: list[Event], /) -> None:
        """Deltas and tool uses, in order."""
        ...

    def called(self, turn: Turn, call: Frame, answer: Callable[[dict[str, Any]], None], /) -> None:
        """The agent asks the host for something. `answer` takes the result's body, from any thread, at any time."""
        ...

    def ended(self, turn: Turn, outcome: Outcome, /) -> None:
        """An attempt at it is over; told once for each time that it was submitted."""
        ...


def group_title(group: str) -> str:
    """A group's name in log lines: Main is written with a capital, others as they are."""
    return "Main" if group == "main" else group
