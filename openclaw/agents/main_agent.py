"""MainAgentManager: the life of Main's persistent container, as a state machine.

    DISABLED   every turn goes to a dedicated container
    STARTING   the container is being started; turns wait for it
    READY      turns run in it, those of different sessions side by side
    BACKOFF    it crashed and is started again in 1, 2, 4 s; turns go to dedicated containers meanwhile
    FALLBACK   it crashed once too often: traditional mode, until PERSISTENT_RETRY_AFTER has passed
    DRAINING   no new turns; what runs may end. With `enabled` it is replaced afterwards, else it stays away
    DOOMED     it is being killed (hung, or it broke the protocol); turns go to dedicated containers
    STOPPED    nothing runs any more

One thread, "main-agent", owns all of it. Engine calls run on the runtime's threads, frames arrive on the watcher's,
times on the timers': each posts an event here. Nothing here blocks and nothing is done under a lock.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NamedTuple

from openclaw.agents.attachment import Attachment
from openclaw.agents.health import HealthCheck
from openclaw.agents.mailbox import Mailbox
from openclaw.agents.restarts import Restarts
from openclaw.agents.running_turns import RunningTurns
from openclaw.agents.specs import MAIN, Specs, new_cid
from openclaw.agents.turn import Answer, Outcome, Turn, TurnListener
from openclaw.errors import EngineOverdue, EngineUnavailable, RuntimeFailure

if TYPE_CHECKING:
    from openclaw.clock import Alarms, Clock, Timer
    from openclaw.config import Config
    from openclaw.containers.channel import Channel, Channels
    from openclaw.containers.event_tail import Event as EventLine
    from openclaw.containers.runtime import Exit, Runtime
    from openclaw.message import Frame

log = logging.getLogger(__name__)

START_TIMEOUT = 30.0
"""Seconds from the return of the engine's start call to the runner's first pong; beyond it the start is a crash.
How long the engine takes before is the engine's affair, and never a crash of Main."""

ENGINE_RETRY = 0.5
"""Least seconds between two starts while the engine does not answer; the runtime may ask for more."""

REMOVAL_PATIENCE = 10.0
"""Seconds that a start waits for the removal of the container before, which takes 0.1 s and bears the same name."""

PING_RETRY = 1.0
"""Seconds until a ping that the disk did not take is written again; it says nothing about the container."""

KILLED = 137
"""What a container that we had to kill reports: 128 + SIGKILL."""


class _Event(NamedTuple):
    """Something for the owner's thread: `act(*args)`. `cid` names the container it is about, empty for any."""

    act: Callable[..., None]
    args: tuple[Any, ...] = ()
    cid: str = ""


class MainStatus(NamedTuple):
    """What `status` shows; replaced as a whole by the owner, read by anybody."""

    state: str
    container: str
    turns: int
    waiting: int
    crashes: int
    reason: str


class MainAgentManager:
    """Main's agent. `submit` takes a turn of group main; `listener` is told what becomes of it.

    `ready` is called each time that Main has begun to serve, in its container or without.
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
    ) -> None:
        self._config = config
        self._runtime = runtime
        self._channels = channels
        self._specs = specs
        self._clock = clock
        self._alarms = alarms
        self._overflow = overflow
        self._listener = listener
        self._tell_ready = ready
        # Every turn in flight posts at most its submission, twice where it waited, start, response, end, cancellation
        # and time limit.
        capacity = 7 * config.queue_limit + 1000
        self._mailbox: Mailbox[_Event] = Mailbox("main-agent", self._handle, self._recover, capacity)
        # From here on owned by the mailbox's thread.
        self._state = "DISABLED"
        self._reason = ""
        self._restarts = Restarts(config.persistent_max_restarts, config.persistent_stable_after)
        self._health = HealthCheck(config.persistent_health_check_interval)
        self._turns: RunningTurns | None = None  # those of the container that is there
        self._removal: Future[None] | None = None  # of the container before; its name is free when this is done
        self._waiting: list[Turn] = []
        self._in_hand: Turn | None = None  # whom the event is about that is being handled
        self._drained: Future[None] | None = None
        self.status = self._snapshot()

    # Called from any thread.

    def start(self) -> None:
        self._mailbox.start()

    def begin(self) -> None:
        """The engine has been looked at and nothing was left to adopt: start the container."""
        self._post(self._begin)

    def adopt(self, channel: Channel, turns: list[Turn], *, current: bool) -> None:
        """Take over a container that outlived the last process. One that is not `current` is drained, then replaced."""
        self._post(self._adopt, channel, turns, current)

    def submit(self, turn: Turn) -> None:
        """Take a turn, or hand it on to a dedicated container where the persistent one is not to be had."""
        self._post(self._submit, turn)

    def cancel(self, turn_id: str) -> None:
        """Cancel a turn that runs here; one that does not is let be."""
        self._post(self._cancel, turn_id)

    def exited(self, gone: Exit) -> None:
        """The runtime saw Main's container end."""
        self._post(self._exited, gone)

    def engine_up(self) -> None:
        """An engine that was gone answers again."""
        self._post(self._engine_up)

    def drain(self) -> Future[None]:
        """Take no more turns; the future is done when none is open."""
        drained: Future[None] = Future()
        self._post(self._drain, drained)
        return drained

    def close(self) -> None:
        """End the thread and remove the container; open turns stay in work/ for the next start."""
        self._post(self._close)
        self._mailbox.close()

    # Everything below runs on the mailbox's thread.

    def _post(self, act: Callable[..., None], *args: Any, cid: str = "") -> None:
        self._mailbox.post(_Event(act, args, cid))

    def _later(self, delay: float, act: Callable[..., None], *args: Any, cid: str = "") -> Timer:
        return self._alarms.call_later(delay, lambda: self._post(act, *args, cid=cid))

    def _handle(self, event: _Event) -> None:
        self._in_hand = None
        if not event.cid or event.cid == self._cid:
            event.act(*event.args)
        self.status = self._snapshot()

    def _recover(self) -> None:
        """An event could not be handled: the turn that it was about fails. Where it was about none Main starts anew."""
        turn = self._in_hand
        if turn is not None:
            if turn in self._waiting:
                self._waiting.remove(turn)
            if self._turns is not None:
                self._turns.drop(turn)
            self._listener.ended(turn, Answer.bug())
        elif self._state not in ("DISABLED", "FALLBACK", "STOPPED"):
            self._crashed("internal error", "the log tells it")
        self.status = self._snapshot()

    def _snapshot(self) -> MainStatus:
        name = "" if self._turns is None else self._specs.main_name
        running = 0 if self._turns is None else len(self._turns)
        return MainStatus(self._state, name, running, len(self._waiting), self._restarts.crashes, self._reason)

    # Start, adoption, readiness

    def _begin(self) -> None:
        if self._config.enable_persistent_main:
            self._launch()
        else:
            self._release_waiting()
            self._tell_ready()

    def _launch(self) -> None:
        """Start a new container; it is ready when its runner answers the first ping."""
        self._enter("STARTING")
        if self._removal is not None and not self._removal.done():
            self._removal.add_done_callback(lambda _: self._post(self._engine_up))
            self._later(REMOVAL_PATIENCE, self._wait_no_longer, self._removal)
            return
        log.info("MainAgentManager: Starting persistent container for Main group")
        cid = new_cid()
        try:
            self._attend(self._channels.create(cid, MAIN))
        except RuntimeFailure as error:
            self._crashed(str(error))
            return
        self._ping()
        started = self._runtime.start(self._specs.main(cid))
        started.add_done_callback(lambda future: self._post(self._start_returned, future.exception(), cid=cid))

    def _wait_no_longer(self, removal: Future[None]) -> None:
        """The container before is still there: the start clears its name, or says why that cannot be."""
        if self._removal is removal:
            self._removal = None
            self._engine_up()

    def _attend(self, channel: Channel) -> RunningTurns:
        """Have what happens in the container of `channel` told to this thread."""
        cid = channel.cid

        def later(delay: float, act: Callable[..., None], *args: str) -> object:
            return self._later(delay, act, *args, cid=cid)

        attachment = Attachment(channel, self._listener)
        limit = self._config.persistent_request_timeout
        self._turns = RunningTurns(attachment, limit, self._clock, later, self._turn_ended)
        channel.listen(
            lambda frame: self._post(self._frame, frame, cid=cid),
            lambda turn_id, events: self._post(self._happened, turn_id, events, cid=cid),
            lambda text: self._post(self._violation, text, cid=cid),
        )
        return self._turns

    def _adopt(self, channel: Channel, turns: list[Turn], current: bool) -> None:
        self._attend(channel).adopt(turns)
        if current:
            log.info("MainAgentManager: took over the persistent container with %d turns in flight", len(turns))
            self._enter("STARTING")
            self._ping()
            self._later(self._health.patience, self._start_overdue, self._health.patience, cid=channel.cid)
        else:
            log.info("MainAgentManager: the running container has other settings; it is replaced after its turns")
            self._enter("DRAINING", "older settings")
            self._drain_step()

    def _start_returned(self, error: BaseException | None) -> None:
        """The engine has started the container, or has not; its runner may have answered before."""
        if error is None:
            if self._state == "STARTING":
                self._later(START_TIMEOUT, self._start_overdue, START_TIMEOUT, cid=self._cid)
        elif self._state in ("DOOMED", "STOPPED"):
            return
        elif isinstance(error, EngineUnavailable | EngineOverdue):
            self._engine_away(str(error))
        else:
            self._crashed(str(error))

    def _engine_away(self, reason: str) -> None:
        """The engine did not take the start: once more, when it may. The runtime removes what it still brings up."""
        self._lose("the engine did not confirm the start of Main's container")
        here, self._turns = self._turns, None
        if here is not None:
            here.attachment.retire()
        if self._drained is not None:
            self._enter("STOPPED", reason)
            self._drain_step()
            return
        self._enter("STARTING", reason)
        self._later(max(ENGINE_RETRY, self._runtime.start_delay()), self._engine_up)

    def _engine_up(self) -> None:
        if self._state == "STARTING" and self._turns is None:
            self._launch()

    def _start_overdue(self, seconds: float) -> None:
        if self._state == "STARTING":
            self._kill(f"its runner did not answer within {seconds:.0f} s")

    def _ready(self) -> None:
        log.info("MainAgentManager: Main persistent container ready")
        self._enter("READY")
        self._later(self._health.interval, self._check_health, cid=self._cid)
        self._release_waiting()
        self._tell_ready()

    # Turns

    def _submit(self, turn: Turn) -> None:
        self._in_hand = turn
        if turn.cancelled:
            self._listener.ended(turn, Answer.cancelled())
        elif self._state == "READY":
            self._run(turn)
        elif self._state in ("STARTING", "STOPPED") or self._drained is not None:
            self._waiting.append(turn)
        else:
            self._overflow(turn)

    def _release_waiting(self) -> None:
        """Each by an event of its own: what is wrong with one costs no other."""
        waiting, self._waiting = self._waiting, []
        for turn in waiting:
            self._post(self._submit, turn)

    def _run(self, turn: Turn) -> None:
        assert self._turns is not None
        log.info("Using persistent container for Main group")
        self._turns.run(turn)

    def _cancel(self, turn_id: str) -> None:
        for turn in self._waiting:
            if turn.id == turn_id:
                self._in_hand = turn
                self._waiting.remove(turn)
                self._listener.ended(turn, Answer.cancelled())
                return
        if self._turns is not None:
            self._in_hand = self._turns.attachment.open.get(turn_id)
            self._turns.cancel(turn_id, Answer.cancelled())

    def _frame(self, frame: Frame) -> None:
        assert self._turns is not None
        if frame.kind == "pong":
            self._pong(frame.id)
        else:
            self._in_hand = self._turns.attachment.open.get(frame.id)
            self._turns.frame(frame)

    def _happened(self, turn_id: str, events: list[EventLine]) -> None:
        assert self._turns is not None
        self._in_hand = self._turns.attachment.open.get(turn_id)
        self._turns.attachment.happened(turn_id, events)

    def _turn_ended(self, turn: Turn, outcome: Outcome) -> None:
        self._in_hand = turn
        self._listener.ended(turn, outcome)
        if self._state == "DRAINING":
            self._drain_step()

    # Health, crashes

    @property
    def _cid(self) -> str:
        return "" if self._turns is None else self._turns.attachment.channel.cid

    def _check_health(self) -> None:
        if self._state == "READY":
            self._ping()

    def _ping(self) -> None:
        assert self._turns is not None
        ping_id = self._health.ping()
        try:
            self._turns.attachment.channel.send("ping", ping_id, {})
        except (OSError, RuntimeFailure) as error:
            log.warning("Health check: the ping could not be written: %s", error)
            self._later(PING_RETRY, self._ping_again, cid=self._cid)
            return
        if self._state == "READY":
            self._later(self._health.patience, self._ping_overdue, ping_id, cid=self._cid)

    def _ping_again(self) -> None:
        if self._state in ("STARTING", "READY"):
            self._ping()

    def _pong(self, ping_id: str) -> None:
        if not self._health.pong(ping_id):
            return
        if self._state == "STARTING":
            self._ready()
        elif self._state == "READY":
            self._restarts.healthy(self._clock.monotonic())
            self._later(self._health.interval, self._check_health, cid=self._cid)

    def _ping_overdue(self, ping_id: str) -> None:
        hung = self._health.missed(ping_id) if self._state == "READY" else None
        if hung is None:
            return
        log.warning("Health check: Main persistent container health check failed")
        self._restarts.doubtful()
        if hung:
            self._kill("it answers no health checks")
        else:
            self._ping()

    def _violation(self, text: str) -> None:
        log.error("Main's persistent container broke the protocol and is killed: %s", text)
        self._kill(text)

    def _kill(self, reason: str) -> None:
        """Kill the container; the crash counts once the engine has said so or given up."""
        if self._state == "DOOMED":
            return
        self._enter("DOOMED", reason)
        self._release_waiting()
        cid = self._cid
        killed = self._runtime.kill(cid)
        killed.add_done_callback(lambda _: self._post(self._crashed, f"exit {KILLED}", reason, cid=cid))

    def _exited(self, gone: Exit) -> None:
        if self._turns is None or gone.cid != self._cid:
            return  # another group's container, or the one before this one
        how = "gone" if gone.code is None else f"exit {gone.code}"
        if self._state == "DRAINING":
            self._lose(f"Main's container ended ({how})")
            self._drain_step()
        else:
            self._crashed(how, gone.detail or (self._reason if self._state == "DOOMED" else ""))

    def _crashed(self, how: str, detail: str = "") -> None:
        """The container is of no more use: remove it, hand its turns back, and decide how to go on."""
        self._lose(f"Main's container ended ({how})")
        self._detach()
        if self._drained is not None:
            self._enter("STOPPED", how)
            self._drain_step()
            return
        delay = self._restarts.crashed()
        reason = f"{how}: {detail}" if detail else how
        if delay is None:
            log.warning("Persistent container crashed (%s)%s", how, f": {detail}" if detail else "")
            self._fall_back(reason)
        else:
            log.warning(
                "Persistent container crashed (%s), restart %d/%d in %.0fs%s",
                how, self._restarts.crashes, self._restarts.limit, delay, f": {detail}" if detail else "",
            )  # fmt: skip
            self._enter("BACKOFF", reason)
            self._later(delay, self._restart)
        self._release_waiting()

    def _fall_back(self, reason: str) -> None:
        log.warning(
            "Persistent container exceeded max restarts (%d), falling back to traditional mode", self._restarts.limit
        )
        self._enter("FALLBACK", reason)
        if self._config.persistent_retry_after > 0:
            self._later(self._config.persistent_retry_after, self._retry)

    def _restart(self) -> None:
        if self._state == "BACKOFF":
            self._begin()

    def _retry(self) -> None:
        if self._state == "FALLBACK":
            self._restarts.on_probation()
            self._launch()

    def _lose(self, reason: str) -> None:
        """Hand every turn back; each by an event of its own."""
        if self._turns is not None:
            for turn, outcome in self._turns.lose(reason):
                self._post(self._turn_ended, turn, outcome)

    def _detach(self) -> None:
        """Remove the container, and then its channel, into which it may write until it is gone."""
        here, self._turns = self._turns, None
        if here is not None:
            self._removal = self._runtime.remove(here.attachment.channel.cid, urgent=True)
            self._removal.add_done_callback(lambda _: here.attachment.retire())

    # The end

    def _drain(self, drained: Future[None]) -> None:
        self._drained = drained
        if self._turns is not None and self._state in ("READY", "DRAINING"):
            self._enter("DRAINING")
        else:
            self._enter("STOPPED")
        self._drain_step()

    def _drain_step(self) -> None:
        if self._turns:  # some run still
            return
        if self._drained is not None:
            if not self._drained.done():
                self._drained.set_result(None)
        elif self._state == "DRAINING":
            self._detach()
            self._enter("DISABLED")
            self._begin()

    def _close(self) -> None:
        self._enter("STOPPED")
        self._detach()

    def _enter(self, state: str, reason: str = "") -> None:
        self._state = state
        self._reason = reason
