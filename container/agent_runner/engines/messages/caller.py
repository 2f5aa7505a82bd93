"""Caller: one call of the model, made again where that may help and the sender has seen nothing that would not fit.

    nobody at the gateway's socket      the host restarts: for GONE seconds, at growing intervals; what the sender has
                                        seen of the call is not told again, where the model repeats it
    busy, overloaded, cut off, silent   TRIES times in all, with a growing pause or the one that is asked for; not
                                        where the sender has seen a part of it, nor after a silence where the turn's
                                        time does not suffice for another one as long
    refused                             never

Any number of threads; the state of a call is its own.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from typing import NamedTuple

from agent_runner.cancel import Cancel
from agent_runner.engines.engine import TurnCancelled
from agent_runner.engines.messages import responses
from agent_runner.engines.messages.answer import Answer, Assembler
from agent_runner.engines.messages.failures import Busy, CallFailed, Cut, Gone, Stalled
from agent_runner.engines.messages.gateway import Exchange, Gateway, Limits
from agent_runner.engines.messages.speech import Speech
from agent_runner.engines.messages.sse import EventParser

log = logging.getLogger(__name__)

TRIES = 5
GONE = 60.0
"""Seconds for which a gateway that is gone is waited for."""


class Pauses(NamedTuple):
    """Seconds before a call is made again: doubled each time, up to the longest, and less by chance, so that a hundred
    callers do not come back at the same moment."""

    busy: float = 1.0
    gone: float = 0.1
    longest_busy: float = 30.0
    longest_gone: float = 2.0


def chance() -> float:
    """From 0 to 1."""
    return int.from_bytes(os.urandom(2)) / 0xFFFF


class CallContext(NamedTuple):
    """The turn for which a call is made. It is over at `deadline`, by the clock."""

    turn_id: str
    cancel: Cancel
    deadline: float
    speech: Speech


class Caller:
    """Calls the model through `gateway`."""

    def __init__(
        self,
        gateway: Gateway,
        silence: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        pauses: Pauses = Pauses(),  # noqa: B008  # it never changes
        chance: Callable[[], float] = chance,
    ) -> None:
        self._gateway = gateway
        self._silence = silence
        self._clock = clock
        self._pauses = pauses
        self._chance = chance

    def call(self, body: bytes, context: CallContext, *, joined: bool = False) -> Answer:
        """The model's answer to the request `body`. Its text is said as it comes, `joined` to what was said or not.

        Raises CallFailed with what to do, or TurnCancelled.
        """
        speech = context.speech
        speech.begin(joined=joined)
        tries = _Tries(self._pauses, self._chance, self._clock, context.deadline)
        while True:
            self._check_time(context)
            tries.begin()
            try:
                answer = self._once(body, context)
                speech.end()
                return answer
            except (Gone, Busy, Cut, Stalled) as failure:
                if isinstance(failure, Stalled):
                    failure = tries.stalled()
                    log.warning("Model call of the turn %s: %s", context.turn_id, failure)
                else:
                    self._check_time(context)
                gone = isinstance(failure, Gone) or (isinstance(failure, Cut) and not self._gateway.is_there())
                seen = bool(speech.in_call)
                pause = None if seen and not gone and not tries.gone else tries.pause(failure, gone=gone)
                if pause is None:
                    advice = 'say "go on" to continue' if seen else "send the message again later"
                    raise CallFailed(f"{failure}; {advice}") from failure
            if context.cancel.wait(pause):
                raise TurnCancelled
            speech.again()

    def _check_time(self, context: CallContext) -> None:
        if self._clock() >= context.deadline:
            raise CallFailed("the turn's time was over before the model had answered")

    def _once(self, body: bytes, context: CallContext) -> Answer:
        limits = Limits(context.deadline, self._silence)
        with self._gateway.exchange(body, context.turn_id, context.cancel, limits) as exchange:
            if exchange.head.status != 200:
                raise responses.failure(exchange.head, responses.read_error(exchange))
            responses.check_stream(exchange.head)
            return _receive(exchange, context.speech)


def _receive(exchange: Exchange, speech: Speech) -> Answer:
    """The answer, as soon as its last event has come."""
    parser, assembler = EventParser(), Assembler(speech.say)
    while data := exchange.read():
        for event in parser.feed(data):
            assembler.add(event)
            if assembler.answer is not None:
                return assembler.answer
    raise Cut("the model's answer ended in the middle")


class _Tries:
    """How often, and since when, one call was tried."""

    def __init__(
        self, pauses: Pauses, chance: Callable[[], float], clock: Callable[[], float], deadline: float
    ) -> None:
        self._pauses = pauses
        self._chance = chance
        self._clock = clock
        self._deadline = deadline
        self._begun = 0.0
        self._asked = 0
        self._failed = 0
        self._searched = 0
        self._gone_since: float | None = None

    def begin(self) -> None:
        """The next try begins."""
        self._begun = self._clock()
        self._asked += 1

    def stalled(self) -> Stalled:
        """The try has ended in silence: in words for the sender."""
        over = "the turn's time was over before the model had answered: " if self._clock() >= self._deadline else ""
        times = "once" if self._asked == 1 else f"{self._asked} times, the last time"
        return Stalled(
            f"{over}the model fell silent; it was asked {times} for {self._clock() - self._begun:.0f} s. Look at the "
            "model's server; where it only needs longer, raise PERSISTENT_REQUEST_TIMEOUT (for a dedicated container "
            "SUBAGENT_TIMEOUT) in .env and restart"
        )

    @property
    def gone(self) -> bool:
        """Whether the gateway was gone before: what the sender has seen then is expected again."""
        return self._gone_since is not None

    def pause(self, failure: CallFailed, *, gone: bool) -> float | None:
        """Seconds until the next try; None where there is none."""
        return self._until_back() if gone else self._until_ready(failure)

    def _until_back(self) -> float | None:
        now = self._clock()
        if self._gone_since is None:
            self._gone_since = now
        pause = self._grown(self._pauses.gone, self._searched, self._pauses.longest_gone)
        self._searched += 1
        return pause if now + pause <= min(self._gone_since + GONE, self._deadline) else None

    def _until_ready(self, failure: CallFailed) -> float | None:
        self._failed += 1
        if self._failed >= TRIES:
            return None
        asked = failure.after if isinstance(failure, Busy) else None
        pause = self._grown(self._pauses.busy, self._failed - 1, self._pauses.longest_busy)
        if asked is not None:
            pause = asked + pause / 10
        now = self._clock()
        needed = now - self._begun if isinstance(failure, Stalled) else 0.0  # less would end in the middle of a wait
        return pause if now + pause + needed <= self._deadline else None

    def _grown(self, first: float, times: int, longest: float) -> float:
        longest_now: float = min(longest, first * 2**times)
        return longest_now * (1 + self._chance()) / 2
