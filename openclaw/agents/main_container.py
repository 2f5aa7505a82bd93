"""MainContainer: one persistent container of Main, from its channel to its removal.

Belongs to the main agent's thread, which calls everything here. What happens in the container, and what was asked for
later, comes as events to that thread as long as this container is the one that is there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from openclaw.agents.attachment import Attachment
from openclaw.agents.health import HealthCheck
from openclaw.agents.running_turns import RunningTurns

if TYPE_CHECKING:
    from concurrent.futures import Future

    from openclaw.agents.turn import Outcome, Turn, TurnListener
    from openclaw.clock import Clock, Timer
    from openclaw.config import Config
    from openclaw.containers.channel import Channel
    from openclaw.containers.event_tail import Event
    from openclaw.containers.runtime import ContainerSpec, Runtime
    from openclaw.message import Frame


class Post(Protocol):
    """Has the owner's thread call `act(*args)`; where `cid` is given, unless that container is gone by then."""

    def __call__(self, act: Callable[..., None], /, *args: Any, cid: str = "") -> None: ...


class Later(Protocol):
    """The same after `delay` seconds."""

    def __call__(self, delay: float, act: Callable[..., None], /, *args: Any, cid: str = "") -> Timer: ...


class Owner(Protocol):
    """The main agent, as its container sees it: two ways to its thread, and what it is told there."""

    @property
    def post(self) -> Post: ...

    @property
    def later(self) -> Later: ...

    def frame(self, frame: Frame, /) -> None: ...

    def happened(self, turn_id: str, events: list[Event], /) -> None: ...

    def violation(self, text: str, /) -> None: ...

    def turn_ended(self, turn: Turn, outcome: Outcome, /) -> None: ...

    def answered(self) -> None: ...

    def missed(self, hung: bool, /) -> None: ...


class MainContainer:
    """The container on `channel`; the turns in it and its health."""

    def __init__(
        self, channel: Channel, owner: Owner, *, config: Config, runtime: Runtime, clock: Clock, listener: TurnListener
    ) -> None:
        self.cid = channel.cid
        self._channel = channel
        self._owner = owner
        self._runtime = runtime
        self._attachment = Attachment(channel, listener)
        limit = config.persistent_request_timeout
        self.turns = RunningTurns(self._attachment, limit, clock, self.later, owner.turn_ended)
        self.health = HealthCheck(
            config.persistent_health_check_interval,
            send=lambda ping_id: channel.send("ping", ping_id, {}),
            later=self.later, answered=owner.answered, missed=owner.missed,
        )  # fmt: skip

    def listen(self) -> None:
        """Have the owner told what comes through the channel."""
        post, owner, cid = self._owner.post, self._owner, self.cid
        self._channel.listen(
            lambda frame: post(owner.frame, frame, cid=cid),
            lambda turn_id, events: post(owner.happened, turn_id, events, cid=cid),
            lambda text: post(owner.violation, text, cid=cid),
            lambda: post(self._channel.go_on, cid=cid),
        )

    def later(self, delay: float, act: Callable[..., None], /, *args: Any) -> Timer:
        """Have the owner's thread call `act(*args)` after `delay` seconds."""
        return self._owner.later(delay, act, *args, cid=self.cid)

    def start(self, spec: ContainerSpec, returned: Callable[[BaseException | None], None]) -> None:
        """Start it; `returned` hears on the owner's thread how that went."""
        started = self._runtime.start(spec)
        started.add_done_callback(lambda future: self._owner.post(returned, future.exception(), cid=self.cid))

    def kill(self, done: Callable[[], None]) -> None:
        """Kill it; `done` is called on the owner's thread when the engine has, or has given up."""
        killed = self._runtime.kill(self.cid)
        killed.add_done_callback(lambda _: self._owner.post(done, cid=self.cid))

    def turn(self, turn_id: str) -> Turn | None:
        """The turn of that id that runs in it."""
        return self._attachment.open.get(turn_id)

    def happened(self, turn_id: str, events: list[Event]) -> None:
        """Deltas and tool uses of a turn."""
        self._attachment.happened(turn_id, events)

    def remove(self) -> Future[None]:
        """Have it removed, and then its channel, into which it may write until it is gone."""
        self._channel.stop_listening()
        removed = self._runtime.remove(self.cid, urgent=True)
        removed.add_done_callback(lambda _: self.retire())
        return removed

    def retire(self) -> None:
        """There is no such container any more: its channel goes when its last turn is settled."""
        self._attachment.retire()
