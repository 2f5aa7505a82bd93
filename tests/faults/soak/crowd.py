"""The callers: each sends a message, waits for the reply, and sends the next, as long as it may.

An id that was acknowledged is owed a reply; a caller that is told nothing, because the service died, asks again by the
same id. The books are kept here, and closed when nobody waits any more.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from tests.faults.soak.front import Front

GROUPS: Final = 10
WAIT: Final = 20
"""Seconds that one request waits for a reply, before the next asks."""


class Books:
    """What was acknowledged, and what was told of it. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Guarded by _lock: both.
        self._owed: dict[str, dict[str, Any] | None] = {}
        self._wrong: list[str] = []

    def acknowledged(self, message_id: str) -> None:
        with self._lock:
            self._owed.setdefault(message_id, None)

    def told(self, message_id: str, reply: dict[str, Any]) -> None:
        with self._lock:
            before, self._owed[message_id] = self._owed[message_id], reply
            if before is not None and before != reply:
                self._wrong.append(f"{message_id} was answered with {before}, then with {reply}")

    def wrong(self, what: str) -> None:
        with self._lock:
            self._wrong.append(what)

    @property
    def complaints(self) -> list[str]:
        with self._lock:
            return list(self._wrong)

    def owed(self) -> dict[str, dict[str, Any] | None]:
        """By id: the reply that was told, None where there was none yet."""
        with self._lock:
            return dict(self._owed)

    def outcomes(self) -> Counter[str]:
        """How many have ended how, with their attempt."""
        return Counter("lost" if reply is None else f"{reply['status']} {reply['attempt']}"
                       for reply in self.owed().values())  # fmt: skip


class Crowd:
    """`agents` callers, whose choices are made of `seed`.

    `work`: seconds that a message takes at most; `heavy`: how many of a hundred want a container.
    """

    def __init__(self, front: Front, books: Books, agents: int, seed: int, *, work: float, heavy: int) -> None:
        self._front = front
        self._books = books
        self._agents = agents
        self._seed = seed
        self._work = work
        self._heavy = heavy
        self._round = 0
        self._may = threading.Event()
        self._threads: list[threading.Thread] = []

    def begin(self) -> None:
        """Let all of them call."""
        self._round += 1
        self._may.set()
        chances = [random.Random(f"{self._seed}-{self._round}-{number}") for number in range(self._agents)]
        self._threads = [
            threading.Thread(target=self._guarded, args=(number, chance), name=f"agent-{number}", daemon=True)
            for number, chance in enumerate(chances)
        ]
        for thread in self._threads:
            thread.start()

    def end(self, bound: float) -> None:
        """Let them have what they wait for, and go."""
        self._may.clear()
        for thread in self._threads:
            thread.join(bound)
            if thread.is_alive():
                self._books.wrong(f"{thread.name} waits for more than {bound:g} s")

    def _guarded(self, number: int, chance: random.Random) -> None:
        try:
            sent = 0
            while self._may.is_set():
                sent += 1
                self._ask(f"r{self._round}-a{number}-{sent}", self._message(number, chance))
        except Exception as error:  # the top of the thread: the verdict has to know
            self._books.wrong(f"agent {number}: {type(error).__name__}: {error}")

    def _message(self, number: int, chance: random.Random) -> dict[str, str]:
        seconds = f"{chance.uniform(0, self._work):.2f}"
        kind = chance.uniform(0, 100)
        if kind < self._heavy / 2:
            return {"text": f"/wait {seconds}", "group": f"g{number % GROUPS}", "session": f"s{number}"}
        if kind < self._heavy:
            return {"text": "/spawn hello", "session": f"s{number}"}
        priority = chance.choice(["high", "normal", "low"])
        return {"text": f"/wait {seconds}", "session": f"s{number}", "priority": priority}

    def _ask(self, message_id: str, message: dict[str, str]) -> None:
        while True:
            status, answer = self._front.call("POST", "/messages", {"id": message_id, **message})
            if status in (200, 202):
                break
            if status not in (429, 503):
                self._books.wrong(f"{message} was answered {status}: {answer}")
                return
        self._books.acknowledged(message_id)
        reply = self._wait_for(message_id)
        for child in reply.get("subagents", ()):
            self._books.acknowledged(child)
            self._wait_for(child)

    def _wait_for(self, message_id: str) -> dict[str, Any]:
        while True:
            status, answer = self._front.call("GET", f"/messages/{message_id}?wait={WAIT}")
            if status == 200 and "status" in answer and answer["status"] in ("done", "failed", "cancelled"):
                self._books.told(message_id, answer)
                return answer
            assert status in (200, 202), f"{message_id} was acknowledged and is unknown: {status} {answer}"


def every(chance: random.Random, seconds: float, stop: threading.Event, act: Callable[[], None]) -> None:
    """Do `act` after pauses of `seconds` on average until `stop` is set."""
    while not stop.wait(chance.uniform(0.5 * seconds, 1.5 * seconds)):
        act()
