"""Recovery: what containers and channels a process finds at its start, and what becomes of each.

A container that lives and belongs to this installation goes on with its turns. Of one that is gone the channel tells
whether it had answered, begun, or not. Runs once, before anything is dispatched; blocks on the engine's list.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from openclaw.agents.attachment import Attachment
from openclaw.containers.runtime import Exit
from openclaw.errors import RuntimeFailure

if TYPE_CHECKING:
    from openclaw.agents.dedicated import DedicatedAgents
    from openclaw.agents.main_agent import MainAgentManager
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
        listener: TurnListener,
        persistent: bool,
    ) -> None:
        self._runtime = runtime
        self._channels = channels
        self._specs = specs
        self._main = main
        self._dedicated = dedicated
        self._listener = listener
        self._persistent = persistent
        self.running: dict[str, Turn] = {}
        self.ended: list[tuple[Turn, Outcome]] = []

    def run(self, turns: dict[str, Turn], now: float) -> None:
        """Adopt, bury and remove. `turns` are those in flight, by id; `now` is monotonic. Raises RuntimeFailure."""
        found = {container.cid: container for container in self._runtime.list()}
        main_lives = False
        adopted: set[str] = set()
        self._channels.sweep()
        for cid in self._channels.list():
            try:
                channel = self._channels.open(cid)
            except RuntimeFailure as error:
                log.warning("%s", error)
                self._channels.discard(cid)
                continue
            container = found.pop(cid, None)
            mine = self._turns_of(channel, turns)
            if container is not None and container.running and (container.role == "main" or mine):
                main_lives |= container.role == "main"
                self._adopt(container, channel, mine)
                adopted.add(cid)
            else:
                self._bury(channel, mine, now)
                if container is not None:
                    self._runtime.remove(cid)
        for cid in found:  # its channel is gone
            self._runtime.remove(cid)
        if not main_lives:
            self._main.begin()
        if adopted:
            self._tell_ends(adopted)

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
        self.running.update((turn.id, turn) for turn in mine)
        try:
            self._channels.open_door(channel, container.group)
        except RuntimeFailure as error:  # without the model it can still say so
            log.error("The container %s goes on without the model: %s", container.name, error)
        if container.role == "main":
            self._main.adopt(channel, mine, current=self._persistent and self._is_current(container))
        else:
            self._dedicated.adopt(channel, container.name, mine[0])

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
