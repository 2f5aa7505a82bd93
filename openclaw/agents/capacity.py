"""What the agents' mailboxes hold at most: the sum of what may lie in them at one moment, each part bounded elsewhere.

Pure functions. A mailbox that is full is a fault, never a load: whoever adds a kind of event adds it here.
"""

from __future__ import annotations

from typing import Final

from openclaw.config import Config
from openclaw.containers.pace import AHEAD, AHEAD_PER_TURN

MAX_LIVE_SUBAGENTS: Final = 1000
"""Subagents that run or wait, in all. QUEUE_LIMIT does not count them: they have this limit of their own."""

RARE: Final = 1000
"""Room for what comes once in a while: an engine that is back, another image, timers of the owner's own, the end."""

OF_MAINS_TURN: Final = AHEAD_PER_TURN + 5
"""What its runner says of it; its submission, twice where it waited; its end with the container; its cancellation, and
the end of the grace for that."""

OF_DEDICATED_TURN: Final = 2
"""Its submission and its cancellation. The rest concerns the container that it gets."""

OF_SINGLE_USE: Final = AHEAD + AHEAD_PER_TURN + 8
"""What is ahead of the owner and the word that this is handled; a violation; the return of the start; the end, which is
told twice where the container was taken over; the time limit; the removal. Its slot is taken until that is handled, and
nothing of it is heard any more when the turn is over."""


def of_main(config: Config) -> int:
    """Main's own container, the one before it, and what it is told of all though it is about others: ends, and the
    cancellations of subagents."""
    others = MAX_LIVE_SUBAGENTS + 2 * _single_use(config)
    return OF_MAINS_TURN * config.queue_limit + 2 * AHEAD + others + RARE


def of_dedicated(config: Config) -> int:
    """All single-use containers, and all turns that wait for one."""
    turns = config.queue_limit + MAX_LIVE_SUBAGENTS
    return OF_DEDICATED_TURN * turns + OF_SINGLE_USE * _single_use(config) + RARE


def _single_use(config: Config) -> int:
    return config.max_concurrent_containers + config.subagent_standby
