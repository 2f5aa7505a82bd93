"""Subagents: what an agent may have done for it in containers of their own, and what becomes of that.

    call frame → checked → work/PARENT.sN.json durable → a lane of its own → dedicated container → its reply
                                                             └─ "started", or "queued" and where: result frame

Paths are checked on threads for that: later calls may overtake one that names some, which has no number until then.

A subagent is a turn like any other, with a reply of its own; here is what ties it to the message that it works for.
Called from the agents' threads (tools), those that check paths (spawn), the committer's (what is stored), the dedicated
agents' (where it is placed), delivery's (finished) and HTTP threads (live, status). One lock guards the tables; nothing
is done under it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from openclaw.agents.capacity import MAX_LIVE_SUBAGENTS
from openclaw.agents.turn import Turn
from openclaw.errors import CallRefused, OpenClawError
from openclaw.message import Message, subagent_id
from openclaw.message.names import MAX_SUBAGENT_NUMBER
from openclaw.routing.groups import MAIN
from openclaw.routing.path_checks import PathChecks
from openclaw.routing.spawn_request import SpawnRequest, only_id

if TYPE_CHECKING:
    from openclaw.clock import Alarms, Clock, Timer
    from openclaw.message import Frame
    from openclaw.routing.agent_calls import Answer, HostTool
    from openclaw.routing.ledger import Ledger
    from openclaw.routing.reservations import Reservations

log = logging.getLogger(__name__)

WAIT_MARGIN: Final = 10.0
"""Seconds before the end of a turn's time at which a call that waits for its subagent returns without it."""

SHOWN: Final = 200
"""Characters of a task that lists show."""

MAX_TEXT: Final = 256 * 1024
"""Characters of a reply's text that an agent is shown."""

@dataclass(slots=True)
class _Family:
    """A message and its subagents."""

    calls: dict[tuple[str, int], str] = field(default_factory=dict)  # which call made which
    last: int = 0
    live: set[str] = field(default_factory=set)
    answered: bool = False  # the message has its reply
    checking: int = 0  # calls whose paths are looked at

    @property
    def over(self) -> bool:
        """Nobody will ask for it any more."""
        return self.answered and not self.live and not self.checking


class Subagents:
    """Answers the calls of agents that are about subagents: `tools`, by their names."""

    def __init__(
        self,
        reservations: Reservations,
        ledger: Ledger,
        clock: Clock,
        alarms: Alarms,
        *,
        run: Callable[[Turn], None],
        cancel: Callable[[str], bool],
        told: Callable[[str, dict[str, Any]], None],
        find_agent: Callable[[str, str], object],
        check_paths: Callable[[str, Sequence[str]], None],
        turn_limit: float,
        at_once: int,
    ) -> None:
        """`run` takes a turn that is durable; `told(parent, {"id", "status"})` hears what becomes of subagents.
        `find_agent(group, name)` raises an OpenClawError where a group has no such profile, or a damaged one, and
        `check_paths(group, paths)` where its subagents are not given these; that one may take long, and is called on
        threads for it.

        `at_once` of them may run; with 0 none would ever, and none is taken.
        """
        self._reservations = reservations
        self._ledger = ledger
        self._clock = clock
        self._alarms = alarms
        self._run = run
        self._cancel = cancel
        self._told = told
        self._find_agent = find_agent
        self._path_checks = PathChecks(check_paths)
        self._turn_limit = turn_limit
        self._at_once = at_once
        self.tools: dict[str, HostTool] = {
            "spawn_subagent": self._spawn,
            "list_subagents": self._list,
            "get_subagent": self._get,
            "cancel_subagent": self._cancel_one,
        }
        self._lock = Lock()
        # Guarded by _lock: families by the id of the message, the live ones by their own id, and the calls that wait.
        self._families: dict[str, _Family] = {}
        self._live: dict[str, Turn] = {}
        self._waiting: dict[str, list[_Waiting]] = {}

    # Spawn

    def _spawn(self, turn: Turn, call: Frame, arguments: dict[str, Any], answer: Answer) -> None:
        _check_rights(turn)
        request = SpawnRequest.parse(arguments)
        if self._at_once == 0:
            raise CallRefused("there are no subagents here (MAX_SUBAGENTS=0); do it yourself")
        assert turn.attachment is not None
        key = (turn.attachment.channel.cid, call.number)
        known = self._is_known(turn, key)
        if request.agent and not known:
            self._check_agent(turn.message.group, request.agent)
        if request.paths and not known:
            self._check_paths(turn, key, request, answer)
        else:
            self._spawn_checked(turn, key, request, answer)

    def _check_agent(self, group: str, name: str) -> None:
        """Before anything is made of it. Raises CallRefused, which says what is wrong with the agent."""
        try:
            self._find_agent(group, name)
        except OpenClawError as refused:
            raise CallRefused(str(refused)) from None
        except OSError as error:
            raise CallRefused(f"the agent {name} cannot be looked at: {error.strerror or error}; try again") from None

    def _check_paths(self, turn: Turn, key: tuple[str, int], request: SpawnRequest, answer: Answer) -> None:
        """Go on when they are checked, on another thread; nothing is made of it before."""

        def checked(refusal: CallRefused | None) -> None:
            try:
                if refusal is not None:
                    raise refusal
                self._spawn_checked(turn, key, request, answer)
            except CallRefused as refused:
                answer({"error": str(refused)})
            finally:
                self._end_check(turn.id)

        with self._lock:
            self._families.setdefault(turn.id, _Family()).checking += 1
        self._path_checks.begin(turn.message.group, request.paths, checked)

    def _end_check(self, message_id: str) -> None:
        with self._lock:
            family = self._families[message_id]
            family.checking -= 1
            if family.over:
                del self._families[message_id]

    def _spawn_checked(self, turn: Turn, key: tuple[str, int], request: SpawnRequest, answer: Answer) -> None:
        known, child_id = self._number(turn, key)
        if not known:
            log.info("Main agent decision: spawn_subagent [%s]", turn.id)
            log.info("Reason: %s [%s]", request.reason or "none given", child_id)
            self._begin(turn, child_id, key, request)
        self._answer_when_placed(turn, child_id, answer, wait=request.wait)

    def _is_known(self, turn: Turn, key: tuple[str, int]) -> bool:
        with self._lock:
            family = self._families.get(turn.id)
            return family is not None and key in family.calls

    def _number(self, turn: Turn, key: tuple[str, int]) -> tuple[bool, str]:
        """The id of the call's subagent, and whether it was made before. Raises CallRefused."""
        with self._lock:
            family = self._families.setdefault(turn.id, _Family())
            if key in family.calls:
                return True, family.calls[key]
            if family.answered:  # while the paths were looked at
                raise CallRefused("the message has its reply: nothing more is started for it")
            if turn.cancelled:
                raise CallRefused("the message is cancelled: nothing more is started for it")
            if len(self._live) >= MAX_LIVE_SUBAGENTS or family.last >= MAX_SUBAGENT_NUMBER:
                raise CallRefused(f"{len(self._live)} subagents run or wait already; wait for some, or do it yourself")
            family.last += 1
            child_id = family.calls[key] = subagent_id(turn.id, family.last)
            family.live.add(child_id)
            return False, child_id

    def _begin(self, turn: Turn, child_id: str, key: tuple[str, int], request: SpawnRequest) -> None:
        """Make the subagent durable, then have it run."""
        message = Message(
            request.task, child_id, turn.message.group, turn.message.session, priority=request.priority
        )
        child = self._reservations.reserve_subagent(message, key, request.told())
        child.turn.placed = Future()
        turn.subagents.append(child_id)
        with self._lock:
            self._live[child_id] = child.turn
        child.stored.add_done_callback(lambda stored: self._stored(turn, child.turn, stored.exception()))

    def _stored(self, parent: Turn, child: Turn, error: BaseException | None) -> None:
        """On the committer's thread: only hands over."""
        if error is not None:
            log.error("The subagent %s could not be stored: %s", child.id, error)
            parent.subagents.remove(child.id)
            self._reservations.settled(child)
            self._forget(child.id)
            assert child.placed is not None
            child.placed.set_exception(CallRefused(f"the subagent could not be stored: {error}; nothing was started"))
            return
        log.info("Main agent spawned subagent for complex operation [%s]", child.id)
        self._told(parent.id, {"id": child.id, "status": "queued"})
        self._run(child)
        if parent.cancelled:  # meanwhile, by somebody who could not see this one yet
            self._cancel(child.id)

    def _answer_when_placed(self, parent: Turn, child_id: str, answer: Answer, *, wait: bool) -> None:
        with self._lock:
            child = self._live.get(child_id)
        if child is None or child.placed is None:  # known from before a restart, or over
            answer({"value": self._shown(child_id, child)})
        elif wait:
            self._wait(parent, child, answer)
        else:
            child.placed.add_done_callback(lambda placed: answer(_placement(child_id, placed)))

    def _wait(self, parent: Turn, child: Turn, answer: Answer) -> None:
        """Answer with the subagent's reply, or with "running" shortly before the turn's time is over."""
        begun = parent.begun if parent.begun is not None else self._clock.monotonic()
        left = begun + self._turn_limit - WAIT_MARGIN - self._clock.monotonic()
        waiting = _Waiting(answer)
        waiting.timer = self._alarms.call_later(
            max(0.0, left), lambda: waiting.answer_once({"value": {"id": child.id, "status": "running"}})
        )
        with self._lock:
            lives = child.id in self._live
            if lives:
                self._waiting.setdefault(child.id, []).append(waiting)
        if not lives:
            waiting.answer_once({"value": self._shown(child.id, None)})
        assert child.placed is not None
        child.placed.add_done_callback(lambda placed: waiting.fail(placed.exception()))

    # The other tools

    def _list(self, turn: Turn, _call: Frame, arguments: dict[str, Any], answer: Answer) -> None:
        _check_rights(turn)
        if arguments:
            raise CallRefused("list_subagents takes no arguments")
        mine = [entry for entry in self.status() if entry["group"] == turn.message.group]
        answer({"value": {"subagents": mine}})

    def _get(self, turn: Turn, _call: Frame, arguments: dict[str, Any], answer: Answer) -> None:
        _check_rights(turn)
        child_id = only_id(arguments)
        with self._lock:
            child = self._live.get(child_id)
        shown = self._shown(child_id, child)
        if shown.get("group") != turn.message.group:
            raise CallRefused(f"there is no subagent {child_id!r}; list_subagents shows those that run or wait")
        answer({"value": shown})

    def _cancel_one(self, turn: Turn, _call: Frame, arguments: dict[str, Any], answer: Answer) -> None:
        _check_rights(turn)
        child_id = only_id(arguments)
        with self._lock:
            child = self._live.get(child_id)
        if child is None or child.message.group != turn.message.group:
            raise CallRefused(f"no subagent {child_id!r} runs or waits; list_subagents shows those that do")
        self._cancel(child_id)
        answer({"value": {"id": child_id, "status": "cancelling"}})

    def _shown(self, child_id: str, child: Turn | None) -> dict[str, Any]:
        """What is known of a subagent: its progress, else its reply."""
        if child is not None:
            return _entry(child)
        try:
            reply = self._ledger.reply(child_id)
        except (OSError, OpenClawError) as error:
            raise CallRefused(f"the reply {child_id} cannot be read: {error}") from error
        return _capped(reply) if reply else {"id": child_id, "status": "unknown"}

    # Called by others

    def restore(self, messages: list[Turn], children: list[Turn]) -> None:
        """Take up what the last process left: messages in flight and subagents in flight."""
        finished = self._ledger.finished_subagents({turn.id for turn in messages})
        by_id = {turn.id: turn for turn in messages}
        with self._lock:
            for child_id, key in finished:
                self._join(by_id, child_id, key)
            for child in children:
                self._live[child.id] = child
                self._join(by_id, child.id, child.call).live.add(child.id)

    def _join(self, messages: dict[str, Turn], child_id: str, key: tuple[str, int] | None) -> _Family:
        """Put a subagent into its family. Called with _lock held."""
        parent, _, number = child_id.partition(".s")
        family = self._families.setdefault(parent, _Family(answered=parent not in messages))
        family.last = max(family.last, int(number))
        if key is not None:
            family.calls[key] = child_id
        if parent in messages:
            messages[parent].subagents.append(child_id)
        return family

    def live_of(self, message_id: str) -> list[str]:
        """The subagents of a message that run or wait."""
        with self._lock:
            family = self._families.get(message_id)
            return sorted(family.live) if family else []

    def status(self) -> list[dict[str, Any]]:
        """Every subagent that runs or waits."""
        with self._lock:
            live = list(self._live.values())
        return [_entry(turn) for turn in live]

    def finished(self, turn: Turn, reply: dict[str, Any]) -> None:
        """The reply of a message or of a subagent is durable."""
        if turn.parent:
            turn.is_placed(0)  # where it was cancelled, or failed, on its way to an agent
            waiting = self._forget(turn.id)
            for one in waiting:
                one.answer_once({"value": _capped(reply)})
            self._told(turn.parent, {"id": turn.id, "status": reply.get("status", "failed")})
            return
        with self._lock:
            family = self._families.get(turn.id)
            if family is not None:
                family.answered = True
                if family.over:
                    del self._families[turn.id]

    def _forget(self, child_id: str) -> list[_Waiting]:
        """The subagent is over: those who wait for it."""
        parent = child_id.partition(".")[0]
        with self._lock:
            self._live.pop(child_id, None)
            family = self._families.get(parent)
            if family is not None:
                family.live.discard(child_id)
                if family.over:
                    del self._families[parent]
            return self._waiting.pop(child_id, [])


class _Waiting:
    """A call that waits for its subagent; whoever comes first answers it."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._lock = Lock()
        # Guarded by _lock: whether it is answered.
        self._answered = False
        self.timer: Timer | None = None

    def answer_once(self, body: dict[str, Any]) -> None:
        with self._lock:
            if self._answered:
                return
            self._answered = True
        if self.timer is not None:
            self.timer.cancel()
        self._answer(body)

    def fail(self, error: BaseException | None) -> None:
        if error is not None:
            self.answer_once({"error": str(error)})


def _check_rights(turn: Turn) -> None:
    if turn.parent:
        raise CallRefused("a subagent works alone: it may not spawn, see or cancel subagents; do the task itself")
    if turn.message.group != MAIN:
        raise CallRefused(f"the group {turn.message.group} runs in its own containers and may not spawn subagents")


def _placement(child_id: str, placed: Future[int]) -> dict[str, Any]:
    error = placed.exception()
    if error is not None:
        return {"error": str(error)}
    place = placed.result()
    return {"value": {"id": child_id, "status": "queued", "place": place} if place else
            {"id": child_id, "status": "started"}}  # fmt: skip


def _capped(reply: dict[str, Any]) -> dict[str, Any]:
    """A reply as an agent is shown it: a result is a frame, and frames are bounded."""
    text = reply.get("text", "")
    return reply if len(text) <= MAX_TEXT else {**reply, "text": f"{text[:MAX_TEXT]}… ({len(text)} characters in all)"}


def _entry(turn: Turn) -> dict[str, Any]:
    text = turn.message.text
    return {
        "id": turn.id,
        "group": turn.message.group,
        "session": turn.message.session,
        "status": "queued" if turn.begun is None else "running",
        "attempt": turn.attempt,
        "priority": turn.message.priority,
        "task": text if len(text) <= SHOWN else text[:SHOWN] + "…",
    }
