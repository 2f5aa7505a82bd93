"""Where the service is killed: every cut there is, and the few that stand for them in an ordinary run."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeVar

from tests.faults.amount import LONG

CALLS: Final = 520
"""Calls of one round that are cut, from the first message to the end of a clean stop; a test counts them."""

RESTART_CALLS: Final = 880
"""The same for a restart that finds turns which had begun, from its first step on; one without has about half."""

LIVING_CALLS: Final = 730
LIVING_RESTART_CALLS: Final = 890
"""The same where the containers outlive the service, for a round and for a restart that finds them."""

BEGUN: Final = 0
"""In place of a call's number: no call, but the moment at which turns have begun that do not end by themselves."""

NEVER: Final = 10**9
"""In place of a call's number: the process lives until it is told to stop."""

FEW_ROUNDS: Final = 30
FEW_RESTARTS: Final = 8
FEW_LIVING: Final = 6
"""Cuts in an ordinary run; `make faults` takes every one."""

When = Literal["before", "after", "stalled"]
_WHENS: Final[tuple[When, ...]] = ("before", "after", "stalled")
_T = TypeVar("_T")


class Cut(NamedTuple):
    """The process dies at its call `number`, counted from when it can take messages, or at BEGUN.

    `restart` is the same for the next one, counted from its first step; None where it lives. For `when` see cut.py.
    """

    number: int
    when: When
    restart: tuple[int, When] | None = None
    living: bool = False
    """Whether the containers outlive the service."""

    def __str__(self) -> str:
        ways = [(self.number, self.when), *([self.restart] if self.restart else [])]
        named = {BEGUN: "begun", NEVER: "never"}
        text = "-then-".join(named.get(number, f"{when}-{number}") for number, when in ways)
        return f"{text}-living" if self.living else text


def rounds() -> list[Cut]:
    """Cuts of one round: every call in every way."""
    return _chosen([Cut(number, when) for number in range(1, CALLS + 1) for when in _WHENS], FEW_ROUNDS)


def restarts() -> list[Cut]:
    """Cuts of a restart: every call in one way or another. It finds turns that had begun, or any state of a round."""
    ways = [(number, _WHENS[number % len(_WHENS)]) for number in range(1, RESTART_CALLS + 1)]
    had_begun = [Cut(BEGUN, "after", way) for way in ways]
    anywhere = [Cut(97 * way[0] % CALLS + 1, way[1], way) for way in ways[: RESTART_CALLS // 2]]
    return _chosen(had_begun + anywhere, FEW_RESTARTS)


def living() -> list[Cut]:
    """Cuts where the containers outlive the service: of a round, and of the restart that finds them, in turn."""
    every = []
    for number in range(1, LIVING_RESTART_CALLS + 1):
        way = number, _WHENS[number % len(_WHENS)]
        of_round = number % 2 and number <= LIVING_CALLS
        every.append(Cut(*way, living=True) if of_round else Cut(BEGUN, "after", way, living=True))
    return _chosen(every, FEW_LIVING)


def _chosen(every: list[_T], few: int) -> list[_T]:
    """All where that is asked for, else about `few`, spread over all of it: ways and kinds are met in turn."""
    if LONG:
        return every
    step = len(every) // few | 1
    return every[:: step + 2 * (step % len(_WHENS) == 0)]
