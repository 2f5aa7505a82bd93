"""Task: something to be asked again and again, or once, with its last runs; as it is in its file.

    {"id", "group", "session", "prompt", "schedule_type", "schedule_value", "timezone", "context_mode", "missed",
     "created", "anchor", "status", "sender"?, "next"?, "reason"?, "failures"?, "call"?,
     "runs": [{"due", "id", "status", "at", "ended"?, "error"?}]}

A task never changes; what is done to it gives another one. Moments are whole seconds since 1970.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

from openclaw.errors import InvalidMessage
from openclaw.message import Message, is_name
from openclaw.schedule.timing import Kind, Timing, timing_of
from openclaw.schedule.zone import Zone

Status = Literal["active", "paused", "finished"]
Context = Literal["group", "isolated"]
Missed = Literal["run", "skip"]
RunStatus = Literal["running", "done", "failed", "cancelled", "missed", "skipped"]

MAX_RUNS: Final = 100
"""Runs that a task remembers. While it does, a clock that is set back has none of them due again."""

MAX_FAILURES: Final = 5
"""Runs that fail one after another until a task is paused."""

MAX_ERROR: Final = 500
"""Characters of an error that are kept."""

TASK_ID: Final = re.compile(r"t[0-9a-f]{10}", re.ASCII)
_RUN_ID: Final = re.compile(rf"({TASK_ID.pattern})-[0-9]{{8}}T[0-9]{{6}}Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Run:
    """What became of one due time. `missed` and `skipped` were never a message; the others are, with the id `id`."""

    due: int
    id: str
    status: RunStatus
    at: int
    ended: int | None = None
    error: str = ""

    def to_json(self) -> dict[str, Any]:
        value: dict[str, Any] = {"due": self.due, "id": self.id, "status": self.status, "at": self.at}
        if self.ended is not None:
            value["ended"] = self.ended
        if self.error:
            value["error"] = self.error
        return value

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Run:
        status = value["status"]
        if status not in get_args(RunStatus):
            raise ValueError(f"no run is {status!r}")
        ended = value.get("ended")
        return cls(
            int(value["due"]), str(value["id"]), status, int(value["at"]), None if ended is None else int(ended),
            str(value.get("error", "")),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Task:
    """One task. `anchor` is when its schedule was given, `next` its next due time while it is active."""

    id: str
    group: str
    session: str
    prompt: str
    schedule_type: Kind
    schedule_value: str
    timezone: str
    created: int
    anchor: int
    context_mode: Context = "group"
    missed: Missed = "run"
    status: Status = "active"
    next: int | None = None
    reason: str = ""
    """Why it is paused, where that was not asked for."""
    failures: int = 0
    """Runs that have failed since the last that was done."""
    sender: str = ""
    """Whose words the prompt is: of the message for which an agent wrote it; empty for the user of this machine."""
    call: tuple[str, str, int] | None = None
    """The container, the turn and the number of the call that made it; heard twice, it is one task."""
    runs: tuple[Run, ...] = ()
    """Oldest first."""

    def timing(self) -> Timing:
        """When it is due. Raises InvalidTask where its zone is gone from this machine."""
        return timing_of(self.schedule_type, self.schedule_value, Zone(self.timezone), self.anchor)

    def open_run(self) -> Run | None:
        """The run that is under way."""
        return next((run for run in reversed(self.runs) if run.status == "running"), None)

    def after(self, moment: int) -> int | None:
        """The first due time after `moment` of which nothing has become yet: a clock may have been set back."""
        if self.schedule_type == "once":
            return None if self.runs and self.runs[-1].due >= self.anchor else self.timing().next_after(moment)
        timing = self.timing()
        known = {run.due for run in self.runs}
        following = timing.next_after(moment)
        while following is not None and following in known:
            following = timing.next_after(following)
        return following

    def with_run(self, run: Run) -> Task:
        """With one more run, or with the one of the same due time as it is now."""
        if any(one.due == run.due for one in self.runs):
            return replace(self, runs=tuple(run if one.due == run.due else one for one in self.runs))
        return replace(self, runs=(*self.runs, run)[-MAX_RUNS:])

    def message(self, run: Run) -> Message:
        """What a run asks. It says when nobody has written it at this moment; a command stays as it is."""
        text = self.prompt
        if not text.startswith("/"):
            when = Zone(self.timezone).words(run.due)
            text = f"{text}\n\n(This is the scheduled task {self.id}, due {when}. Do it now; nobody may be waiting.)"
        session = run.id if self.context_mode == "isolated" else self.session
        return Message(text, run.id, self.group, session, self.sender)

    def to_json(self) -> dict[str, Any]:
        """As it is in its file."""
        value: dict[str, Any] = {key: getattr(self, key) for key in _ALWAYS}
        for key in ("sender", "next", "reason", "failures", "call"):
            if getattr(self, key) not in (None, "", 0):
                value[key] = getattr(self, key)
        value["runs"] = [run.to_json() for run in self.runs]
        return value

    @classmethod
    def from_json(cls, value: dict[str, Any], task_id: str) -> Task:
        """Raises KeyError, TypeError or ValueError for what is no task of this id, InvalidTask for a schedule."""
        if value["id"] != task_id or not is_task_id(task_id):
            raise ValueError("its name is no id, or that of another task")
        for key, known in (("status", Status), ("context_mode", Context), ("missed", Missed)):
            if value[key] not in get_args(known):
                raise ValueError(f"{key} cannot be {value[key]!r}")
        if not is_name(value["group"]) or not is_name(value["session"]):
            raise ValueError("its group or session is no name")
        call, following = value.get("call"), value.get("next")
        task = cls(
            task_id, value["group"], value["session"], str(value["prompt"]), value["schedule_type"],
            str(value["schedule_value"]), str(value["timezone"]), int(value["created"]), int(value["anchor"]),
            value["context_mode"], value["missed"], value["status"], None if following is None else int(following),
            str(value.get("reason", "")), int(value.get("failures", 0)), str(value.get("sender", "")),
            None if call is None else (str(call[0]), str(call[1]), int(call[2])),
            tuple(Run.from_json(run) for run in value["runs"]),
        )  # fmt: skip
        task.timing()
        return task


_ALWAYS: Final = (
    *("id", "group", "session", "prompt", "schedule_type", "schedule_value", "timezone", "created", "anchor"),
    *("context_mode", "missed", "status"),
)

DAMAGE: Final = (KeyError, TypeError, ValueError, OverflowError, InvalidMessage)
"""What reading a damaged task raises, an InvalidTask aside."""


def is_task_id(text: object) -> bool:
    return isinstance(text, str) and TASK_ID.fullmatch(text) is not None


def run_id(task_id: str, due: int) -> str:
    """The id of the message of a due time, always the same: a second claim is refused as a duplicate."""
    return f"{task_id}-{datetime.fromtimestamp(due, UTC):%Y%m%dT%H%M%SZ}"


def task_of(message_id: str) -> str:
    """The task of which a message is a run; empty where it is none."""
    match = _RUN_ID.fullmatch(message_id)
    return match[1] if match is not None else ""
