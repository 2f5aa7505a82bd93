"""SiteView: what the page is shown, gathered from the parts that own it.

Keeps nothing itself but the times of the last hours. Asked by connection threads; `now` is rendered on the timers'
thread, and told what has changed by whoever changed it.
"""

from __future__ import annotations

import heapq
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from openclaw.errors import UnknownGroup
from openclaw.intake.failed_list import FailedList
from openclaw.message.session import Session, read_lines
from openclaw.observe.live import Live, LiveReader
from openclaw.observe.times import Times
from openclaw.routing.groups import GLOBAL
from openclaw.routing.session_file import SessionFile, listed
from openclaw.spool import DROPPED
from openclaw.spool.inotify import IN_DELETE, IN_MOVED_FROM

if TYPE_CHECKING:
    from openclaw.agents.turn import Turn
    from openclaw.clock import Alarms, Clock
    from openclaw.routing.reservations import Reservations
    from openclaw.spool import DropDir, Watch, Watcher

MAX_TURNS: Final = 200
"""Messages in flight that are shown, those that run first."""

MAX_TEXT: Final = 200
"""Characters of a message in flight that are shown."""

MAX_RECENT: Final = 20
"""Messages that were answered last and are told with what runs: some are over before they were ever shown."""

MAX_SESSIONS: Final = 100
"""Sessions of a group that are listed, of at most MAX_LOOKED_AT files."""

MAX_LOOKED_AT: Final = 10_000

MAX_PAST: Final = 50
"""Turns of a session that are shown."""

MAX_PAST_TEXT: Final = 20_000
"""Characters of each."""


class SiteView:
    """The View of the service. `status` is what /status has, `check` raises UnknownGroup."""

    def __init__(
        self,
        reservations: Reservations,
        clock: Clock,
        alarms: Alarms,
        *,
        status: Callable[[], dict[str, Any]],
        check: Callable[[str], object],
        groups: Path,
        failed: DropDir,
        inbox: DropDir,
        watcher: Watcher,
    ) -> None:
        self._reservations = reservations
        self._clock = clock
        self._status = status
        self._check = check
        self._groups = groups
        self._failed = failed
        self._list = FailedList(failed, inbox)
        self._watcher = watcher
        self._watch: Watch | None = None
        self._seen: int | None = None  # the watcher's thread's own: when ipc/failed was changed last
        self._recent: deque[dict[str, Any]] = deque(maxlen=MAX_RECENT)  # delivery's thread appends, others copy
        self._times = Times(clock)
        self._live = Live(
            {"now": self._now, "times": self._times.latest, "failed": dict, "groups": dict}, alarms, clock
        )

    def start(self) -> None:
        """Hear of changes in ipc/failed."""
        self._watch = self._watcher.watch(self._failed.path, self._look, DROPPED | IN_DELETE | IN_MOVED_FROM)

    def close(self) -> None:
        if self._watch is not None:
            self._watch.close()

    # Told by the parts

    def changed(self) -> None:
        """Something runs, waits or is over that did not before. Any thread; takes a microsecond."""
        self._live.changed("now")

    def groups_changed(self) -> None:
        self._live.changed("groups")

    def answered(self, turn: Turn, reply: dict[str, Any]) -> None:
        """A reply is durable. On delivery's thread."""
        self._times.add(reply)
        if not turn.parent:
            self._recent.append({key: reply[key] for key in ("id", "group", "session", "status")} | _beginning(turn))
        self._live.changed("times")

    def _look(self, _name: str | None) -> None:
        """On the watcher's thread; at a tick, too, when mostly nothing has changed."""
        changed = os.fstat(self._failed.fd).st_mtime_ns
        if changed != self._seen:
            self._seen = changed
            self._live.changed("failed")

    # Asked by the page

    def live(self) -> LiveReader:
        return self._live.open()

    def times(self) -> dict[str, Any]:
        return self._times.all()

    def failed(self) -> dict[str, Any]:
        return self._list.list()

    def failed_retry(self, key: str, /) -> bool:
        return self._list.retry(key)

    def failed_remove(self, key: str, /) -> bool:
        return self._list.remove(key)

    def session(self, group: str, session: str, /) -> dict[str, Any]:
        """{"group", "session", "turns", "whole"}: the last turns, and whether nothing was before them."""
        self._check_group(group)
        content = SessionFile(self._groups / group, session, os.getuid()).read()
        kept = Session()
        lines = read_lines(content.data, whole=content.whole).entries if content is not None else []
        for line in lines:
            kept.add(line)
        turns = list(kept.turns.values())
        whole = len(turns) <= MAX_PAST and kept.summary is None and (content is None or content.whole)
        past = [_past(turn) for turn in turns[-MAX_PAST:]]
        return {"group": group, "session": session, "turns": past, "whole": whole}

    def sessions(self, group: str, /) -> dict[str, Any]:
        """{"group", "sessions": [{"session", "at"}, …]}, the latest first."""
        self._check_group(group)
        found = listed(self._groups / group, MAX_LOOKED_AT)[:MAX_SESSIONS]
        return {"group": group, "sessions": [{"session": name, "at": round(at)} for name, at in found]}

    def _check_group(self, group: str) -> None:
        if group == GLOBAL:
            raise UnknownGroup(f"{GLOBAL} has no sessions")
        self._check(group)

    def _now(self) -> dict[str, Any]:
        now = self._clock.monotonic()
        turns = self._reservations.turns()
        first = heapq.nsmallest(MAX_TURNS, turns, key=lambda turn: (turn.begun is None, turn.seq))
        return {
            "status": self._status(),
            "turns": [_entry(turn, now) for turn in first],
            "more": max(0, len(turns) - MAX_TURNS),
            "recent": list(self._recent),
        }


def _entry(turn: Turn, now: float) -> dict[str, Any]:
    """A message in flight; `age_ms` and `run_ms` are how long it has been there, and at work."""
    begun = turn.begun
    return {
        "id": turn.id,
        "group": turn.message.group,
        "session": turn.message.session,
        "status": "cancelling" if turn.cancelled else "queued" if begun is None else "running",
        "priority": turn.message.priority,
        "attempt": turn.attempt,
        **_beginning(turn),
        "age_ms": round((now - turn.accepted) * 1000),
        **({"parent": turn.parent} if turn.parent else {}),
        **({"route": turn.route, "run_ms": round((now - begun) * 1000)} if begun is not None else {}),
    }


def _beginning(turn: Turn) -> dict[str, str]:
    text = turn.message.text
    return {"text": text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"}


def _past(turn: dict[str, Any]) -> dict[str, Any]:
    """A turn of a session: what was asked, and the text that was said last."""
    messages = [message for message in turn["messages"] if isinstance(message, dict)]
    asked = next((text for message in messages if message.get("role") == "user" and (text := _text(message))), "")
    said = [text for message in messages if message.get("role") == "assistant" and (text := _text(message))]
    at = turn.get("at") if isinstance(turn.get("at"), int) else 0
    return {"id": turn["id"], "at": at, "asked": asked[:MAX_PAST_TEXT], "text": "\n\n".join(said)[:MAX_PAST_TEXT]}


def _text(message: dict[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    texts = (block.get("text") for block in blocks if isinstance(block, dict) and block.get("type") == "text")
    return "\n".join(text for text in texts if isinstance(text, str))
