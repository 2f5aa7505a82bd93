"""Recovery: what containers and channels a process finds at its start, and what becomes of each.

A container that lives and belongs to this installation goes on with its turns. Of one that is gone the channel tells
whether it had answered, begun, or not. Runs once, before anything is dispatched; blocks on the engine's list. What it
has seen to it does not touch again: a run that failed goes on where it was.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

from openclaw.agents.attachment import Attachment
from openclaw.agents.turn import Answer
from openclaw.containers.runtime import Exit
from openclaw.errors import RuntimeFailure

if TYPE_CHECKING:
    from collections.abc import Callable

    from openclaw.agents.dedicated import DedicatedAgents
    from openclaw.agents.main_agent import MainAgentManager
    from openclaw.agents.settings_guard import Watch
    from openclaw.agents.specs import Specs
    from openclaw.agents.turn import Outcome, Turn, TurnListener
    from openclaw.containers.channel import Channel, Channels
    from openclaw.containers.runtime import Found, Runtime

log = logging.getLogger(__name__)


class Recovery:
    """Matches turns with containers. After `run`, `running` and `ended` say what was found."""

    def __init__(
        self,
        runtime: Runtime,
        channels: Channels,
        specs: Specs,
        main: MainAgentManager,
        dedicated: DedicatedAgents,
        *,
        watch: Watch,
        listener: TurnListener,
        persistent: bool,
    ) -> None:
        self._runtime = runtime
        self._channels = channels
        self._specs = specs
        self._main = main
        self._dedicated = dedicated
        self._watch = watch
        self._listener = listener
        self._persistent = persistent
        self._left: deque[tuple[str, Found | None]] | None = None  # channels, by cid, with their containers
        self._strays: list[Found] = []  # containers without a channel
        self._main_lives = False
        self._adopted: set[str] = set()
        self.running: dict[str, Turn] = {}
        self.ended: list[tuple[Turn, Outcome]] = []

    def run(self, turns: dict[str, Turn], now: float) -> None:
        """Adopt, bury and remove. `turns` are those in flight, by id; `now` is monotonic.

        Raises RuntimeFailure, or what else goes wrong; it may be called again then.
        """
        if self._left is None:
            self._left = self._take_stock()
        while self._left:
            self._see_to(*self._left[0], turns, now)
            self._left.popleft()
        while self._strays:
            self._remove(self._strays.pop())
        self._watch.earlier_are_gone()
        if not self._main_lives:
            self._main_lives = True  # or will in a moment
            self._main.begin()
        if self._adopted:
            self._tell_ends(self._adopted)

    def tell_ended(self, tell: Callable[[Turn, Outcome], None]) -> None:
        """Tell each of `ended` once. The turn of which that cannot be told fails at the next try, behind the others."""
        while self.ended:
            turn, outcome = self.ended.pop(0)
            try:
                tell(turn, outcome)
            except BaseException:  # passed on
                self.ended.append((turn, Answer.bug()))
                raise

    def _take_stock(self) -> deque[tuple[str, Found | None]]:
        """What is there before anything new is made. Raises RuntimeFailure."""
        found = {container.cid: container for container in self._runtime.list()}
        self._channels.sweep()
        left = deque((cid, found.pop(cid, None)) for cid in self._channels.list())
        self._strays = list(found.values())
        return left

    def _see_to(self, cid: str, container: Found | None, turns: dict[str, Turn], now: float) -> None:
        """One channel, and the container that is there of it."""
        try:
            channel = self._channels.open(cid)
        except RuntimeFailure as error:
            log.warning("%s", error)
            self._channels.discard(cid)
            if container is not None:
                self._remove(container)
            return
        try:
            mine = self._turns_of(channel, turns)
            if container is not None and container.running and (container.role == "main" or mine):
                self._adopt(container, channel, mine)
            else:
                self._bury(channel, mine, now)
                if container is not None:
                    self._remove(container)
        except BaseException:  # passed on; the next try opens it again
            channel.close()
            raise

    def _remove(self, container: Found) -> None:
        """Until it is gone it may still do what it was told last."""
        if container.role != "main":
            self._watch.began(container.group, container.cid, (), starting=False)
        self._runtime.remove(container.cid).add_done_callback(lambda _: self._watch.ended(container.cid))

    def _tell_ends(self, adopted: set[str]) -> None:
        """Look once more: of a container that ended before its agent knew it, the runtime has told nobody."""
        try:
            now = {container.cid: container for container in self._runtime.list()}
        except RuntimeFailure as error:
            log.warning("Whether the containers that were taken over still run is not known: %s", error)
            return
        for cid in adopted:
            container = now.get(cid)
            if container is None or not container.running:
                gone = Exit(cid, container and container.exit_code, "")
                self._main.exited(gone)
                self._dedicated.exited(gone)

    def _turns_of(self, channel: Channel, turns: dict[str, Turn]) -> list[Turn]:
        """The turns that the channel is about; what is answered already is cleared away.

        So is a request whose next attempt is noted in work/: its container was lost before the service was.
        """
        mine = []
        for message_id, request in channel.pending().items():
            turn = turns.get(message_id)
            if turn is not None and message_id not in self.running and request.get("attempt", 1) >= turn.attempt:
                mine.append(turn)
            else:
                channel.forget(message_id)
        return mine

    def _adopt(self, container: Found, channel: Channel, mine: list[Turn]) -> None:
        try:
            self._channels.open_door(channel, container.group)
        except RuntimeFailure as error:  # without the model it can still say so
            log.error("The container %s goes on without the model: %s", container.name, error)
        if container.role == "main":
            self._main.adopt(channel, mine, current=self._persistent and self._is_current(container))
            self._main_lives = True
        else:
            self._watch.began(container.group, container.cid, (), starting=False)
            self._dedicated.adopt(channel, container.name, mine[0])
        self._adopted.add(container.cid)  # audit: ok 6.2 once for each container that was left at the start
        self.running.update((turn.id, turn) for turn in mine)

    def _is_current(self, container: Found) -> bool:
        """Whether it runs with the settings and the image of now."""
        try:
            return container.config == self._runtime.config_digest(self._specs.main(container.cid))
        except RuntimeFailure as error:
            log.warning("Whether the persistent container is up to date is not known: %s", error)
            return False

    def _bury(self, channel: Channel, mine: list[Turn], now: float) -> None:
        attachment = Attachment(channel, self._listener)
        for turn in mine:
            attachment.adopt(turn)
        ended = attachment.lose("the service and the container ended", now)
        self.running.update((turn.id, turn) for turn, _ in ended)
        self.ended += ended
        attachment.retire()
