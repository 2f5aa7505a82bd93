"""MainAgentManager: the door to Main's agent, and its thread.

One thread, "main-agent", owns all that there is behind it: the state machine, Main's container and the turns in it.
Whatever happens is posted to it as an event.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NamedTuple

from openclaw.agents import capacity
from openclaw.agents.mailbox import Mailbox
from openclaw.agents.main_machine import MainMachine
from openclaw.agents.specs import Specs
from openclaw.agents.turn import Turn, TurnListener

if TYPE_CHECKING:
    from openclaw.clock import Alarms, Clock, Timer
    from openclaw.config import Config
    from openclaw.containers.channel import Channel, Channels
    from openclaw.containers.runtime import Exit, Runtime


class _Event(NamedTuple):
    """Something for the owner's thread: `act(*args)`. `cid` names the container it is about, empty for any."""

    act: Callable[..., None]
    args: tuple[Any, ...] = ()
    cid: str = ""


class MainAgentManager:
    """Main's agent. `submit` takes a turn of group main; `listener` is told what becomes of it.

    Turns that cannot run in the persistent container go to `overflow`. `ready` is called each time that Main has begun
    to serve, in its container or without. `status` is replaced as a whole by the thread and may be read by anybody;
    `changed` is called when it is another one, and takes a microsecond.
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
        overflow: Callable[[Turn], None],
        listener: TurnListener,
        ready: Callable[[], None],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._alarms = alarms
        self._mailbox: Mailbox[_Event] = Mailbox(
            "main-agent", self._handle, self._recover, capacity.of_main(config)
        )
        self._machine = MainMachine(
            config=config, runtime=runtime, channels=channels, specs=specs, clock=clock, post=self._post,
            later=self._later, overflow=overflow, listener=listener, ready=ready,
        )  # fmt: skip
        self.status = self._machine.status()
        self._changed = changed

    def make_room(self, turns: int) -> None:
        """An earlier process has left so many turns, whose QUEUE_LIMIT may have been another; before `start`."""
        self._mailbox.make_room(capacity.OF_MAINS_TURN * turns)

    def start(self) -> None:
        self._mailbox.start()

    def begin(self) -> None:
        """The engine has been looked at and nothing was left to adopt: start the container."""
        self._post(self._machine.begin)

    def adopt(self, channel: Channel, turns: list[Turn], *, current: bool) -> None:
        """Take over a container that outlived the last process. One that is not `current` is drained, then replaced."""
        self._post(self._machine.adopt, channel, turns, current)

    def submit(self, turn: Turn) -> None:
        """Take a turn, or hand it on to a dedicated container where the persistent one is not to be had."""
        self._post(self._machine.submit, turn)

    def cancel(self, turn_id: str) -> None:
        """Cancel a turn that runs here; one that does not is let be."""
        self._post(self._machine.cancel, turn_id)

    def exited(self, gone: Exit) -> None:
        """The runtime saw a container end; one that is not Main's is let be."""
        self._post(self._machine.exited, gone)

    def engine_up(self) -> None:
        """An engine that was gone answers again."""
        self._post(self._machine.engine_up)

    def drain(self) -> Future[None]:
        """Take no more turns; the future is done when none is open."""
        drained: Future[None] = Future()
        self._post(self._machine.drain, drained)
        return drained

    def close(self) -> None:
        """End the thread and remove the container; open turns stay in work/ for the next start."""
        self._post(self._machine.close)
        self._mailbox.close()

    def _post(self, act: Callable[..., None], /, *args: Any, cid: str = "") -> None:
        self._mailbox.post(_Event(act, args, cid))

    def _later(self, delay: float, act: Callable[..., None], /, *args: Any, cid: str = "") -> Timer:
        return self._alarms.call_later(delay, lambda: self._post(act, *args, cid=cid))

    # On the mailbox's thread.

    def _handle(self, event: _Event) -> None:
        self._machine.in_hand = None
        if event.cid in ("", self._machine.cid):
            event.act(*event.args)
        self._show()

    def _recover(self) -> None:
        self._machine.give_up()
        self._show()

    def _show(self) -> None:
        status = self._machine.status()
        if status != self.status:
            self.status = status
            self._changed()
