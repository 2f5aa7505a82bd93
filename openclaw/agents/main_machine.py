"""MainMachine: the life of Main's persistent container, as a state machine.

    DISABLED   every turn goes to a dedicated container
    STARTING   the container is being started; turns wait for it
    READY      turns run in it, those of different sessions side by side
    BACKOFF    it crashed and is started again in 1, 2, 4 s; turns go to dedicated containers meanwhile
    FALLBACK   it crashed once too often: traditional mode, until PERSISTENT_RETRY_AFTER has passed
    DRAINING   no new turns; what runs may end. With `enabled` it is replaced afterwards, else it stays away
    DOOMED     it is being killed (hung, or it broke the protocol); turns go to dedicated containers
    STOPPED    nothing runs any more

Belongs to the main agent's thread, which calls everything here. Nothing here blocks and nothing is done under a lock:
engine calls run on the runtime's threads, frames arrive on the watcher's, times on the timers', and each of them is
an event to that thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, NamedTuple

from openclaw.agents.ending import cause_in_main
from openclaw.agents.main_container import Later, MainContainer, Post
from openclaw.agents.restarts import Restarts
from openclaw.agents.specs import MAIN, Specs, new_cid
from openclaw.agents.turn import Answer, Outcome, Turn, TurnListener
from openclaw.errors import EngineOverdue, EngineUnavailable, ImageMissing, RuntimeFailure

if TYPE_CHECKING:
    from openclaw.clock import Clock
    from openclaw.config import Config
    from openclaw.containers.channel import Channel, Channels
    from openclaw.containers.event_tail import Event
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

KILLED = 137
"""What a container that we had to kill reports: 128 + SIGKILL."""


class MainStatus(NamedTuple):
    """What `status` shows."""

    state: str
    container: str
    turns: int
    waiting: int
    crashes: int
    reason: str


class MainMachine:
    """Main's agent without its thread. `post` and `later` have that call a function; see MainAgentManager for the rest.

    `in_hand` is the turn that the event is about which is being handled.
    """

    def __init__(
        self,
        *,
        config: Config,
        runtime: Runtime,
        channels: Channels,
        specs: Specs,
        clock: Clock,
        post: Post,
        later: Later,
        overflow: Callable[[Turn], None],
        listener: TurnListener,
        ready: Callable[[], None],
    ) -> None:
        self._config = config
        self._runtime = runtime
        self._channels = channels
        self._specs = specs
        self._clock = clock
        self.post = post
        self.later = later
        self._overflow = overflow
        self._listener = listener
        self._tell_ready = ready
        self._state = "DISABLED"
        self._reason = "the container engine has not answered yet"
        self._restarts = Restarts(config.persistent_max_restarts, config.persistent_stable_after)
        self._here: MainContainer | None = None  # the container that is there
        self._removal: Future[None] | None = None  # of the container before; its name is free when this is done
        self._waiting: list[Turn] = []
        self._drained: Future[None] | None = None
        self.in_hand: Turn | None = None

    @property
    def cid(self) -> str:
        """The container that is there; empty where there is none."""
        return "" if self._here is None else self._here.cid

    def status(self) -> MainStatus:
        name = "" if self._here is None else self._specs.main_name
        running = 0 if self._here is None else len(self._here.turns)
        return MainStatus(self._state, name, running, len(self._waiting), self._restarts.crashes, self._reason)

    def give_up(self) -> None:
        """An event could not be handled: the turn that it was about fails. Where it was about none Main starts anew."""
        turn = self.in_hand
        if turn is not None:
            if turn in self._waiting:
                self._waiting.remove(turn)
            if self._here is not None:
                self._here.turns.drop(turn)
            self._listener.ended(turn, Answer.bug())
        elif self._state not in ("DISABLED", "FALLBACK", "STOPPED"):
            self._crashed("internal error", "the log tells it")

    # Start, adoption, readiness

    def begin(self) -> None:
        if self._config.enable_persistent_main:
            self._launch()
        else:
            self._enter("DISABLED", "ENABLE_PERSISTENT_MAIN=false")
            self._release_waiting()
            self._tell_ready()

    def _launch(self) -> None:
        """Start a new container; it is ready when its runner answers the first ping."""
        self._enter("STARTING")
        if self._removal is not None and not self._removal.done():
            self._removal.add_done_callback(lambda _: self.post(self.engine_up))
            self.later(REMOVAL_PATIENCE, self._wait_no_longer, self._removal)
            return
        log.info("MainAgentManager: Starting persistent container for Main group")
        cid = new_cid()
        try:
            here = self._attend(self._channels.create(cid, MAIN))
        except RuntimeFailure as error:
            self._crashed(str(error))
            return
        here.health.begin()
        here.start(self._specs.main(cid), self._start_returned)

    def _wait_no_longer(self, removal: Future[None]) -> None:
        """The container before is still there: the start clears its name, or says why that cannot be."""
        if self._removal is removal:
            self._removal = None
            self.engine_up()

    def _attend(self, channel: Channel) -> MainContainer:
        self._here = MainContainer(
            channel, self, config=self._config, runtime=self._runtime, clock=self._clock, listener=self._listener
        )
        self._here.listen()
        return self._here

    def adopt(self, channel: Channel, turns: list[Turn], current: bool) -> None:
        here = self._attend(channel)
        here.turns.adopt(turns)
        if current:
            log.info("MainAgentManager: took over the persistent container with %d turns in flight", len(turns))
            self._enter("STARTING")
            here.health.begin()
            here.later(here.health.patience, self._start_overdue, here.health.patience)
        else:
            log.info("MainAgentManager: the running container has other settings; it is replaced after its turns")
            self._enter("DRAINING", "older settings")
            self._drain_step()

    def _start_returned(self, error: BaseException | None) -> None:
        """The engine has started the container, or has not; its runner may have answered before."""
        if error is None:
            if self._state == "STARTING" and self._here is not None:
                self._here.later(START_TIMEOUT, self._start_overdue, START_TIMEOUT)
        elif self._state in ("DOOMED", "STOPPED"):
            return
        elif isinstance(error, EngineUnavailable | EngineOverdue | ImageMissing):
            self._engine_away(error)
        else:
            self._crashed(str(error))

    def _engine_away(self, error: RuntimeFailure) -> None:
        """The engine did not take the start: once more, when it may. The runtime removes what it still brings up.

        It tells by `engine_up` when an image that is missing is there.
        """
        reason = str(error)
        self._lose("the engine did not confirm the start of Main's container")
        here, self._here = self._here, None
        if here is not None:
            here.retire()
        if self._drained is not None:
            self._enter("STOPPED", reason)
            self._drain_step()
            return
        self._enter("STARTING", reason)
        if not isinstance(error, ImageMissing):
            self.later(max(ENGINE_RETRY, self._runtime.start_delay()), self.engine_up)

    def engine_up(self) -> None:
        if self._state == "STARTING" and self._here is None:
            self._launch()

    def _start_overdue(self, seconds: float) -> None:
        if self._state == "STARTING":
            self._kill(f"its runner did not answer within {seconds:.0f} s")

    def _ready(self) -> None:
        log.info("MainAgentManager: Main persistent container ready")
        self._enter("READY")
        self._release_waiting()
        self._tell_ready()

    # Turns

    def submit(self, turn: Turn) -> None:
        self.in_hand = turn
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
            self.post(self.submit, turn)

    def _run(self, turn: Turn) -> None:
        assert self._here is not None
        self._here.turns.run(turn)
        log.info("Using persistent container for Main group [%s]", turn.id)  # now: writing it takes the interpreter

    def cancel(self, turn_id: str) -> None:
        for turn in self._waiting:
            if turn.id == turn_id:
                self.in_hand = turn
                self._waiting.remove(turn)
                self._listener.ended(turn, Answer.cancelled())
                return
        if self._here is not None:
            self.in_hand = self._here.turn(turn_id)
            self._here.turns.cancel(turn_id, Answer.cancelled())

    # What its container tells

    def frame(self, frame: Frame) -> None:
        assert self._here is not None
        if frame.kind == "pong":
            self._here.health.pong(frame.id)
        else:
            self.in_hand = self._here.turn(frame.id)
            self._here.turns.frame(frame)

    def happened(self, turn_id: str, events: list[Event]) -> None:
        assert self._here is not None
        self.in_hand = self._here.turn(turn_id)
        self._here.happened(turn_id, events)

    def turn_ended(self, turn: Turn, outcome: Outcome) -> None:
        self.in_hand = turn
        self._listener.ended(turn, outcome)
        if self._state == "DRAINING":
            self._drain_step()

    def answered(self) -> None:
        """Its runner answers: the container is ready, or well."""
        if self._state == "STARTING":
            self._ready()
        elif self._state == "READY":
            self._restarts.healthy(self._clock.monotonic())

    def missed(self, hung: bool) -> None:
        """A health check went unanswered."""
        log.warning("Health check: Main persistent container health check failed")
        self._restarts.doubtful()
        if hung:
            self._kill("it answers no health checks")

    def violation(self, text: str) -> None:
        log.error("Main's persistent container broke the protocol and is killed: %s", text)
        self._kill(text)

    def _kill(self, reason: str) -> None:
        """Kill the container; the crash counts once the engine has said so or given up."""
        if self._state == "DOOMED" or self._here is None:
            return
        self._enter("DOOMED", reason)
        self._here.health.stop()
        self._release_waiting()
        self._here.kill(lambda: self._crashed(f"exit {KILLED}", reason))

    # Crashes

    def exited(self, gone: Exit) -> None:
        if self._here is None or gone.cid != self.cid:
            return  # another group's container, or the one before this one
        how = "gone" if gone.code is None else f"exit {gone.code}"
        cause = cause_in_main(gone)
        self._lose(f"Main's container ended ({how}, {cause})" if cause else f"Main's container ended ({how})")
        if self._state == "DRAINING":
            self._drain_step()
        else:
            self._crashed(how, cause or (self._reason if self._state == "DOOMED" else ""))

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
            self.later(delay, self._restart)
        self._release_waiting()

    def _fall_back(self, reason: str) -> None:
        after = self._config.persistent_retry_after
        log.warning(
            "Persistent container exceeded max restarts (%d), falling back to traditional mode: each message gets a"
            " container of its own. The lines before this one say why it crashes; it is tried again %s",
            self._restarts.limit,
            f"in {after:g} s (PERSISTENT_RETRY_AFTER), or at a restart" if after else "at a restart",
        )
        self._enter("FALLBACK", reason)
        if self._config.persistent_retry_after > 0:
            self.later(self._config.persistent_retry_after, self._retry)

    def _restart(self) -> None:
        if self._state == "BACKOFF":
            self.begin()

    def _retry(self) -> None:
        if self._state == "FALLBACK":
            self._restarts.on_probation()
            self._launch()

    def _lose(self, reason: str) -> None:
        """Hand every turn back; each by an event of its own."""
        if self._here is not None:
            for turn, outcome in self._here.turns.lose(reason):
                self.post(self.turn_ended, turn, outcome)

    def _detach(self) -> None:
        """Have the container removed."""
        here, self._here = self._here, None
        if here is not None:
            self._removal = here.remove()

    # The end

    def drain(self, drained: Future[None]) -> None:
        self._drained = drained
        if self._here is not None:
            self._here.health.stop()
        if self._here is not None and self._state in ("READY", "DRAINING"):
            self._enter("DRAINING")
        else:
            self._enter("STOPPED")
        self._drain_step()

    def _drain_step(self) -> None:
        if self._here is not None and self._here.turns:  # some run still
            return
        if self._drained is not None:
            if not self._drained.done():
                self._drained.set_result(None)
        elif self._state == "DRAINING":
            self._detach()
            self._enter("DISABLED")
            self.begin()

    def close(self) -> None:
        self._enter("STOPPED")
        self._detach()

    def _enter(self, state: str, reason: str = "") -> None:
        self._state = state
        self._reason = reason
