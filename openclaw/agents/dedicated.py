"""DedicatedAgents: the door to the single-use containers, and their thread.

One thread, "dedicated", owns all that there is behind it: the line of those who wait, the containers and their turns.
Whatever happens is posted to it as an event.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from openclaw.agents import capacity
from openclaw.agents.dedicated_work import DedicatedWork
from openclaw.agents.mailbox import Mailbox
from openclaw.agents.specs import Specs
from openclaw.agents.turn import Turn, TurnListener

if TYPE_CHECKING:
    from openclaw.agents.settings_guard import Watch
    from openclaw.clock import Alarms, Clock
    from openclaw.config import Config
    from openclaw.containers.channel import Channel, Channels
    from openclaw.containers.runtime import Exit, Runtime


class DedicatedAgents:
    """Serves any group's turns. `submit` takes one; `listener` is told what becomes of it.

    `status` is replaced as a whole by the thread and may be read by anybody; `changed` is called when it is another
    one, and takes a microsecond.
    """

    def __init__(
        self,
        *,
        config: Config,
        runtime: Runtime,
        channels: Channels,
        specs: Specs,
        clock: Clock,
        alarms: Alarms,
        watch: Watch,
        listener: TurnListener,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._mailbox: Mailbox[tuple[Callable[..., None], tuple[Any, ...]]] = Mailbox(
            "dedicated", self._handle, self._recover, capacity.of_dedicated(config)
        )
        self._work = DedicatedWork(
            config=config, runtime=runtime, channels=channels, specs=specs, clock=clock, alarms=alarms,
            watch=watch, post=self._post, listener=listener,
        )  # fmt: skip
        self.status = self._work.status()
        self._changed = changed

    def make_room(self, turns: int) -> None:
        """An earlier process has left so many turns, whose QUEUE_LIMIT may have been another; before `start`."""
        self._mailbox.make_room(capacity.OF_DEDICATED_TURN * turns)

    def start(self) -> None:
        self._mailbox.start()

    def keep_standby(self) -> None:
        """Begin to keep containers warm for subagents; once is enough."""
        self._post(self._work.standby.open)

    def submit(self, turn: Turn) -> None:
        """Take a turn; it runs as soon as a slot is free."""
        self._post(self._work.submit, turn)

    def adopt(self, channel: Channel, name: str, turn: Turn) -> None:
        """Take over a container that outlived the last process and works on `turn`."""
        self._post(self._work.adopt, channel, name, turn)

    def cancel(self, turn_id: str) -> None:
        """Cancel a turn that waits or runs here; one that does not is let be."""
        self._post(self._work.cancel, turn_id)

    def exited(self, gone: Exit) -> None:
        """The runtime saw a container end; one that is not ours is let be."""
        self._post(self._work.exited, gone)

    def engine_up(self) -> None:
        """An engine that was gone answers again."""
        self._post(self._work.engine_answers)

    def image_changed(self) -> None:
        """The image is another one than before."""
        self._post(self._work.standby.refresh)

    def drain(self) -> Future[None]:
        """Start no more containers; the future is done when no turn runs."""
        drained: Future[None] = Future()
        self._post(self._work.drain, drained)
        return drained

    def close(self) -> None:
        """End the thread and have the containers removed; turns that ran stay in work/ for the next start."""
        self._post(self._work.close)
        self._mailbox.close()

    def _post(self, act: Callable[..., None], *args: Any) -> None:
        self._mailbox.post((act, args))

    # On the mailbox's thread.

    def _handle(self, event: tuple[Callable[..., None], tuple[Any, ...]]) -> None:
        self._work.handle(*event)
        self._show()

    def _recover(self) -> None:
        self._work.give_up()
        self._show()

    def _show(self) -> None:
        status = self._work.status()
        if status != self.status:
            self.status = status
            self._changed()
