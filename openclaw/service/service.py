"""Service: constructs every part, starts them in the order of a message's way, and stops them in reverse.

`start`, `drain` and `close` are called by the main thread. The front's methods are called by HTTP threads.
"""

from __future__ import annotations

import gc
import logging
import resource
import threading
from collections.abc import Callable
from typing import Any

from openclaw import __version__
from openclaw.agents.dedicated import DedicatedAgents
from openclaw.agents.dedicated_work import DedicatedStatus
from openclaw.agents.group_config import GroupConfig
from openclaw.agents.main_agent import MainAgentManager
from openclaw.agents.main_machine import MainStatus
from openclaw.agents.mount_allowlist import MountAllowlist
from openclaw.agents.profiles import Profiles
from openclaw.agents.settings_guard import SettingsGuard, Unwatched
from openclaw.agents.specs import Specs
from openclaw.agents.turn import Answer, Turn
from openclaw.clock import SystemClock, Timers
from openclaw.config import Config
from openclaw.containers.channel import Channels
from openclaw.containers.runtime import Exit
from openclaw.delivery.callbacks import Callbacks
from openclaw.delivery.events import EventHub, Reader
from openclaw.delivery.outbox import Outbox
from openclaw.delivery.retention import MAX_REMOVALS, Retention
from openclaw.delivery.waiters import Waiters
from openclaw.gateway.gateway import Gateway, most_connections
from openclaw.gateway.upstream import Upstream
from openclaw.intake.access import Access
from openclaw.intake.api import Api
from openclaw.intake.drop import Inbox
from openclaw.intake.handover import Places
from openclaw.intake.server import HttpServer, connections_within
from openclaw.intake.task_api import TaskFront
from openclaw.message import Message
from openclaw.observe.metrics import Metrics
from openclaw.observe.process import open_descriptors
from openclaw.routing.agent_calls import AgentCalls
from openclaw.routing.desk import Receipt
from openclaw.routing.group_calls import GroupCalls
from openclaw.routing.groups import Groups
from openclaw.routing.ledger import Ledger
from openclaw.routing.reservations import Reservations
from openclaw.routing.router import Router
from openclaw.routing.sent_messages import SentMessages
from openclaw.routing.sessions import Sessions
from openclaw.routing.subagents import Subagents
from openclaw.schedule.book import Book
from openclaw.schedule.calls import TaskCalls
from openclaw.schedule.keeper import Keeper
from openclaw.schedule.scheduler import Scheduler
from openclaw.schedule.store import TaskStore
from openclaw.schedule.timerfd import TimerFd
from openclaw.schedule.zone import machine_zone
from openclaw.service import runtime_choice
from openclaw.service.books import Books
from openclaw.service.dispatch import Dispatch
from openclaw.service.home import Home
from openclaw.service.listener import Listener
from openclaw.service.manager import Manager
from openclaw.service.recovery import Recovery
from openclaw.service.recovery_tries import ENGINE_AWAY, RecoveryTries
from openclaw.service.schedule_front import ScheduleFront
from openclaw.service.schedule_ways import ScheduleWays
from openclaw.service.tick import Tick
from openclaw.service.view import SiteView
from openclaw.service.watchdog import Watchdog
from openclaw.spool import Committer, Watcher

log = logging.getLogger(__name__)

COLLECT_AFTER = (20_000, 20, 50)
"""New objects until the youngest are searched for cycles, and how many of those until older ones are. Nearly all is
freed without; with Python's 700, 10 and 10 all messages in flight were searched every few hundred requests, while every
thread waited."""

HTTP_GRACE = 5.0
"""Seconds that requests in flight have to end when the service stops, and before that the last replies to go out."""

MAX_NAMED = 10
"""Messages that a line of the log names."""

RETENTION_INTERVAL = 3600.0
"""Seconds between two looks for replies that are older than OUTBOX_RETENTION_DAYS."""

RETENTION_PAUSE = 10.0
"""Seconds until the next look where one pass was not enough."""


class Service:
    """One openclaw on one home, watched by the service manager that started it, if one did.

    `committer` is there for the benchmark, which measures one that syncs nothing. `stop` is set when it is asked to
    end: a start that waits for something is broken off by it.
    """

    def __init__(
        self,
        config: Config,
        manager: Manager | None = None,
        committer: Committer | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self._config = config
        self._manager = manager or Manager({})
        self._stop = stop or threading.Event()
        self._clock = SystemClock()
        self._alarms = Timers(self._clock)
        self._watcher = Watcher(self._clock.monotonic)
        self._committer = committer or Committer()
        self._home = Home(config.home)
        self._started: list[Callable[[], None]] = []
        self._began = self._clock.monotonic()
        self._lock = threading.Lock()
        # Guarded by _lock: what ended before the agents knew what they have taken over; None from then on.
        self._early_exits: list[Exit] | None = []
        self._stopping = False

    # Start and stop

    def start(self) -> None:
        """Take the home, what was in flight, and the port.

        Raises StartupError or StopAsked, and then nothing is left running.
        """
        try:
            self._start()
        except BaseException:
            self._close()
            raise

    def _start(self) -> None:
        gc.set_threshold(*COLLECT_AFTER)
        self._home.open()
        self._build()
        self._started.append(self._channels.close)
        self._run(self._committer)
        self._run(self._watcher)
        self._run(self._alarms)
        self._started.append(self._callbacks.close)
        self._run(self._outbox)
        if self._gateway is not None:
            self._run(self._gateway)
        self.http.bind()
        left = self._ledger.load()
        self._router.recover(left.open)
        self._subagents.restore(
            [turn for turn in left.open if not turn.parent], [turn for turn in left.open if turn.parent]
        )
        self._callbacks.load()
        for turn in left.answered:
            self._outbox.resume(turn)
        self._started.append(self._tick.close)  # closed after the runtime, which breaks off its look
        self._started.append(self._runtime.close)
        self._dedicated.make_room(len(left.open))
        self._main.make_room(len(left.open))
        self._run(self._dedicated)
        self._run(self._main)
        self._runtime.open(self._exited, self._engine_up, self._dedicated.image_changed)
        turns = {turn.id: turn for turn in left.open}
        self._tries = RecoveryTries(lambda: self._recover(turns), self._alarms)
        self._started.append(self._tries.close)
        self._tries.begin()
        self._run(self._inbox)
        self._run(self._scheduler)
        self._run(self.view)
        self.http.start()
        self._started.append(lambda: self.http.close(HTTP_GRACE))
        if self._manager.watchdog_s:
            self._run(self._watchdog())
        self._tick.start()
        self._sweep_old()

    def stop(self) -> None:
        """Take nothing more, let turns that run end within DRAIN_TIMEOUT, remove every container, end every thread.

        An engine that hangs holds it up for 12 s more, one that is slow for 22 s at most: what it does not remove by
        then is named in the log, and removed by the next start. So a stop takes DRAIN_TIMEOUT and 30 s at most.
        """
        until = self._clock.monotonic() + self._config.drain_timeout
        self._stopping = True
        self._manager.stopping(self._config.drain_timeout)
        self._router.close()
        running = self._reservations.begun()
        log.info(
            "Stopping: %d %s may run for up to %g s; a second Ctrl-C ends at once%s",
            len(running), "turn" if len(running) == 1 else "turns", self._config.drain_timeout, _named(running),
        )  # fmt: skip
        drained = [self._main.drain(), self._dedicated.drain()]
        for future in drained:
            try:
                future.result(max(0.0, until - self._clock.monotonic()))
            except TimeoutError:
                log.warning("Some turns did not end within DRAIN_TIMEOUT; the next start takes them up again")
        self._let_callers_go()
        self._close()
        left = len(self._reservations)
        log.info("Stopped: nothing runs any more, and %d messages wait in ipc/work for the next start", left)

    def _let_callers_go(self) -> None:
        """Nothing is answered any more but what is on its way out, which its callers get first."""
        told = threading.Event()
        self._outbox.call(told.set)
        told.wait(HTTP_GRACE)
        self.http.release()

    def _close(self) -> None:
        """In reverse: first the ways in, then the agents and what they need, at last the disk."""
        while self._started:
            self._started.pop()()

    @property
    def runtime_kind(self) -> str:
        return self._runtime.kind

    def _run(self, part: Any) -> None:
        part.start()
        self._started.append(part.close)

    def _build(self) -> None:
        """Every part, each after those that it is given."""
        directory = self._home.directory
        places = Places(
            inbox=directory("inbox"), work=directory("work"), failed=directory("failed"), outbox=directory("outbox")
        )
        self._build_books(places)
        self._build_agents()
        self._build_ways_in(places)

    def _build_books(self, places: Places) -> None:
        """What is known, where it is kept, and the way of a message through it."""
        config, failed, outbox = self._config, places.failed, places.outbox
        callbacks = self._home.directory("callbacks")
        self._outward = (outbox, failed, callbacks)
        self._ledger = Ledger(places.work, outbox, self._committer, self._clock)
        self._retention = Retention((outbox, failed), config.outbox_retention_days, self._clock)
        self._guard = SettingsGuard(self._home.groups)
        self._groups = Groups(self._guard, self._groups_changed)
        self._profiles = Profiles(self._home.groups)
        self._waiters = Waiters(self._ledger.reply)
        self._metrics = Metrics()
        self._callbacks = Callbacks(
            callbacks, self._committer, self._ledger, self._alarms, self._clock, authorities=config.ssl_cert_file
        )
        self._reservations = Reservations(self._ledger, self._clock, admit=self._admit, limit=config.queue_limit)
        self._outbox = Outbox(
            self._ledger, self._waiters, self._callbacks, self._clock, self._alarms,
            remember=self._remember, settled=self._settled,
            told=self._published,
        )  # fmt: skip
        self.view = SiteView(
            self._reservations, self._clock, self._alarms,
            status=self.status, check=self._groups.config, groups=self._home.groups,
            failed=failed, inbox=places.inbox, watcher=self._watcher,
        )  # fmt: skip
        self._runtime = runtime_choice.choose(config, self._clock, self._home.installation, self._stop.wait)
        self._sessions = Sessions(self._home.groups, self._clock, self._runtime.container_uid)
        self._router = Router(
            self._reservations, self._ledger, self._sessions,
            deliver=self._outbox.deliver, hand_over=self._outbox.call,
            changed=self.view.changed,
        )  # fmt: skip
        self._events = EventHub(self._ledger.reply, self._reservations.holds)

    def _build_agents(self) -> None:
        """Who works on turns, and what they may ask of the host."""
        config = self._config
        specs = Specs(
            config, self._home.channels, config_of=self._groups.config, allowlist=MountAllowlist(config.home),
            sandboxed=self._runtime.kind == "docker", uid=self._runtime.container_uid,
        )  # fmt: skip
        self._subagents = Subagents(
            self._reservations, self._ledger, self._clock, self._alarms,
            run=self._router.run, cancel=self._router.cancel, told=self._events.subagent,
            find_agent=self._profiles.find, check_paths=specs.check_paths,
            turn_limit=config.persistent_request_timeout, at_once=config.max_subagents,
        )  # fmt: skip
        sent = SentMessages(self._ledger, self._clock, told=self._events.message)
        self._scheduler = self._make_scheduler()
        self.tasks: TaskFront = ScheduleFront(self._scheduler)
        calls = AgentCalls({
            **self._subagents.tools, **sent.tools, **GroupCalls(self._groups).tools, **TaskCalls(self._scheduler).tools,
        })  # fmt: skip
        listener = Listener(self._router, calls, self._events, self.view.changed)
        self._gateway = self._make_gateway() if config.engine == "messages" else None
        uid = self._runtime.container_uid
        channels = self._channels = Channels(self._home.channels, self._watcher, uid, self._gateway)
        watch = self._guard if self._runtime.kind == "docker" else Unwatched(self._guard)
        self._dedicated = DedicatedAgents(
            config=config, runtime=self._runtime, channels=channels, specs=specs,
            clock=self._clock, alarms=self._alarms, watch=watch, listener=listener,
            changed=self.view.changed,
        )  # fmt: skip
        self._main = MainAgentManager(
            config=config, runtime=self._runtime, channels=channels, specs=specs,
            clock=self._clock, alarms=self._alarms, overflow=self._dedicated.submit, listener=listener,
            ready=self._dedicated.keep_standby, changed=self.view.changed,
        )  # fmt: skip
        self._recovery = Recovery(
            self._runtime, channels, specs, self._main, self._dedicated,
            watch=watch, listener=listener, persistent=config.enable_persistent_main,
        )  # fmt: skip

    def _build_ways_in(self, places: Places) -> None:
        """Where messages come from, and what is told of the service."""
        config = self._config
        self._inbox = Inbox(
            places, desk=self._router, committer=self._committer,
            watcher=self._watcher, alarms=self._alarms, clock=self._clock, booted=self._home.booted,
        )  # fmt: skip
        self._tick = Tick(
            config.persistent_health_check_interval, (self._look_outward, self._runtime.look, self._watcher.tick)
        )
        access = Access(config.openclaw_allowed_hosts, config.openclaw_token)
        self.http = HttpServer(
            config.openclaw_host, config.openclaw_port, Api(self), access, self._clock,
            max_connections=connections_within(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        )  # fmt: skip
        self._totals = self._metrics.histogram(
            "openclaw_response_milliseconds", "Times of replies in ms.", labels=("time", "route")
        )
        self._metrics.gauge(
            "openclaw_in_flight", "Messages accepted and not yet answered.", self._reservations.__len__
        )
        self._metrics.gauge("process_open_fds", "Open file descriptors of the service.", open_descriptors)

    def _watchdog(self) -> Watchdog:
        return Watchdog(
            self._manager.watchdog_s, self._manager.alive,
            address=lambda: self.http.address, directory=self._home.directory(".probe"), committer=self._committer,
            watcher=self._watcher, ping_delivery=self._outbox.call, alarms=self._alarms,
        )  # fmt: skip

    def _make_gateway(self) -> Gateway:
        config = self._config
        upstream = Upstream(
            config.anthropic_base_url,
            api_key=config.anthropic_api_key,
            oauth_token=config.claude_code_oauth_token,
            authorities=config.ssl_cert_file,
        )
        log.info("The model is asked at %s", upstream.host)
        return Gateway(
            upstream, Books(self._metrics, self._reservations.find), self._clock, self._runtime.container_uid,
            max_connections=most_connections(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        )  # fmt: skip

    def _make_scheduler(self) -> Scheduler:
        book = Book(zone=lambda: machine_zone(self._config.tz), check_group=self._groups.config)
        store = TaskStore(self._home.directory("tasks"), self._committer)
        ways = ScheduleWays(
            self._router, self._reservations, self._ledger, self._sessions, hand_over=self._outbox.call
        )
        return Scheduler(Keeper(book, store, ways, self._clock), TimerFd(), self._clock)

    def _recover(self, turns: dict[str, Turn]) -> None:
        """Look at what was left, then let turns run: none does before. Raises what goes wrong; called again then."""
        self._recovery.run(turns, self._clock.monotonic())
        if self._stopping:
            return
        self._tell_early_exits()
        self._router.open(Dispatch(self._main, self._dedicated), list(self._recovery.running.values()))
        self._recovery.tell_ended(self._router.ended)

    def _look_outward(self) -> None:
        for directory in self._outward:
            if directory.refresh():
                log.warning("%s was replaced; what comes from now on goes to the new one", directory.path)

    def _sweep_old(self) -> None:
        """Now and every hour, on a thread of its own while it lasts."""
        try:
            threading.Thread(target=self._sweep_once, name="retention", daemon=True).start()
        except RuntimeError as error:  # "can't start new thread", which may be over by the next time
            log.error("Old files could not be removed: %s; raise the limit of processes (ulimit -u)", error)
            self._alarms.call_later(RETENTION_INTERVAL, self._sweep_old)

    def _sweep_once(self) -> None:
        full = False
        try:
            full = self._retention.sweep() >= MAX_REMOVALS
        except Exception:  # the top of the thread: it is tried again in an hour
            log.exception("old files could not be removed")
        self._alarms.call_later(RETENTION_PAUSE if full else RETENTION_INTERVAL, self._sweep_old)

    # What the runtime tells

    def _exited(self, gone: Exit) -> None:
        with self._lock:
            if self._early_exits is not None:
                self._early_exits.append(gone)
                return
        self._tell_exit(gone)

    def _tell_exit(self, gone: Exit) -> None:
        self._main.exited(gone)
        self._dedicated.exited(gone)

    def _tell_early_exits(self) -> None:
        """A container may have ended between the list and its adoption, which nobody would hear of otherwise."""
        with self._lock:
            early, self._early_exits = self._early_exits or [], None
        for gone in early:
            self._tell_exit(gone)

    def _engine_up(self) -> None:
        self._main.engine_up()
        self._dedicated.engine_up()

    # The front and the desk

    def accept(self, message: Message) -> Receipt:
        return self._router.accept(message)

    def reply(self, message_id: str) -> dict[str, Any] | None:
        return self._ledger.reply(message_id)

    def progress(self, message_id: str) -> dict[str, Any] | None:
        return self._router.progress(message_id)

    def wait(self, message_id: str, timeout_s: float, wake: threading.Event) -> dict[str, Any] | None:
        return self._waiters.wait(message_id, timeout_s, wake)

    def events(self, message_id: str, after: str) -> Reader | None:
        return self._events.open(message_id, after)

    def group_show(self, name: str) -> dict[str, Any]:
        return self._groups.show(name)

    def group_put(self, name: str, config: GroupConfig) -> bool:
        return self._groups.add(name, config)

    def group_remove(self, name: str) -> None:
        self._groups.remove(name)

    def ready(self) -> tuple[bool, str]:
        if self._stopping:
            return False, "the service is stopping; messages are accepted and wait for the next start"
        problem = self._problem(self._main.status, self._dedicated.status)
        return (False, problem) if problem else (True, "ready")

    def metrics(self) -> str:
        return self._metrics.render()

    def groups(self) -> list[dict[str, Any]]:
        return self._groups.list()

    def status(self) -> dict[str, Any]:
        """What runs where."""
        main, dedicated = self._main.status, self._dedicated.status
        problem = self._problem(main, dedicated)
        return {
            "version": __version__,
            **({"problem": problem} if problem else {}),
            "home": str(self._config.home),
            "uptime_s": round(self._clock.monotonic() - self._began),
            "runtime": self._runtime.kind,
            "engine": self._config.engine,
            "recovery": self._tries.problem or "done",
            "main": {**main._asdict(), **self._runtime.place(main.container)},
            "dedicated": dedicated._asdict(),
            "in_flight": len(self._reservations),
            "tasks": self._scheduler.status(),
            "connections": self.http.open_connections,
            "model_connections": 0 if self._gateway is None else self._gateway.open_connections,
        }

    def _problem(self, main: MainStatus, dedicated: DedicatedStatus) -> str:
        """What keeps everybody waiting, with what to do; empty where nothing does."""
        if self._tries.problem:
            return self._tries.problem
        if missing := self._runtime.problem():
            return f"no container can be started, so what needs one waits: {missing}"
        if dedicated.engine_down or (main.state == "STARTING" and main.reason):
            return ENGINE_AWAY.format(why=main.reason or "its last start failed, and logs/app.log says how")
        return ""

    def cancel(self, message_id: str) -> bool:
        """Cancel a message, and with it the subagents that work for it."""
        found = self._router.cancel(message_id)
        subagents = self._subagents.live_of(message_id)
        for child in subagents:
            self._router.cancel(child)
        return found or bool(subagents)

    def subagents(self) -> list[dict[str, Any]]:
        return self._subagents.status()

    def agents(self) -> list[dict[str, Any]]:
        return self._profiles.list()

    # What the parts ask and tell

    def _admit(self, message: Message) -> None:
        """Raise the MessageRefused of what is not taken."""
        self._groups.check(message.group, message.sender)
        self._callbacks.admit(message.callback_url)

    def _remember(self, turn: Turn, answer: Answer) -> Callable[[], None]:
        """Note for the session how a turn has ended, before its reply is out: durably when what is returned was called.

        Both raise NotDurable, and nothing else. On delivery's thread.
        """
        if not turn.concerns_session(answer):
            return lambda: None
        results = [result["id"] for result in turn.results]
        try:
            finish = self._sessions.add_turn(turn.message.group, turn.message.session, turn.id, results, answer.record)
        except OSError as error:
            log.error("the session of %s could not be written: %s", turn.id, error)
            return lambda: self._router.remembered(turn)

        def remembered() -> None:
            try:
                finish()
            except OSError as error:
                log.error("the session of %s could not be written: %s", turn.id, error)
            self._router.remembered(turn)

        return remembered

    def _groups_changed(self) -> None:
        self.view.groups_changed()

    def _settled(self, turn: Turn) -> None:
        """Nothing of a turn is left to do. On delivery's thread."""
        self._reservations.settled(turn)
        self.view.changed()

    def _published(self, turn: Turn, reply: dict[str, Any]) -> None:
        """A reply is durable: tell whom it concerns. On delivery's thread. Raises NotDurable before anybody is told."""
        if not reply:  # damaged, which the ledger has said
            self._scheduler.finished(turn.id, {"error": "its reply is damaged"})
            self._events.done(turn.id)
            return
        try:
            if turn.parent:
                self._sessions.add_result(reply)
        except OSError as error:
            log.error("the session of %s could not be written: %s", turn.id, error)
        for name, milliseconds in reply["timing"].items():
            self._totals.observe(milliseconds, name, reply["route"])
        self.view.answered(turn, reply)
        self._subagents.finished(turn, reply)
        self._scheduler.finished(turn.id, reply)
        self._events.done(turn.id)


def _named(ids: list[str]) -> str:
    """What is waited for, as the end of a log line."""
    if not ids:
        return ""
    more = f" and {len(ids) - MAX_NAMED} more" if len(ids) > MAX_NAMED else ""
    return f"; it waits for {', '.join(ids[:MAX_NAMED])}{more}"
