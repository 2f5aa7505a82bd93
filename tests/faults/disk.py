"""What a service has left on the disk, and what may never be found there.

Looks at a home from outside: knows the files' formats, and nothing of the code that writes them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from openclaw.message import Message


class OnDisk(NamedTuple):
    """A reply's file: which one it is, and its text."""

    inode: int
    data: bytes

    @property
    def reply(self) -> dict[str, Any]:
        value = json.loads(self.data)
        assert isinstance(value, dict)
        return value


Replies = Mapping[str, OnDisk]
"""By id."""

Outcome = tuple[str, int]
"""The status and the attempt of a reply."""


class Disk:
    """The files of `home`, to which `messages` were sent and no others."""

    def __init__(self, home: Path, messages: Iterable[Mapping[str, str]]) -> None:
        self._ipc = home / "ipc"
        self._texts = {Message.from_json({**message}).digest(): message["text"] for message in messages}

    def replies(self) -> Replies:
        """The replies as they lie there; the notices beside them have a dot in their ids."""
        paths = [path for path in (self._ipc / "outbox").glob("*.json") if "." not in path.stem]
        return {path.stem: OnDisk(path.stat().st_ino, path.read_bytes()) for path in paths}

    def answered(self) -> Counter[str]:
        """How many replies each message has, by its text."""
        return Counter(self._texts[one.reply["receipt"]["digest"]] for one in self.replies().values())

    def due(self) -> dict[str, Outcome]:
        """How each turn has to end that was in flight when the service and all its runners died."""
        works = [path for path in (self._ipc / "work").glob("*.json") if not path.name.startswith(".")]
        return {work.stem: self._outcome(work.stem, json.loads(work.read_bytes())["attempt"]) for work in works}

    def _outcome(self, turn: str, attempt: int) -> Outcome:
        """A turn that had begun and not ended is tried once more, but never a third time."""
        for request in (self._ipc / "channels").glob(f"[!.]*/in/{turn}.request.json"):
            out = request.parent.with_name("out")
            begun = (out / f"{turn}.started.json").exists() and not (out / f"{turn}.response.json").exists()
            if begun and json.loads(request.read_bytes())["attempt"] == attempt:
                return ("done", 2) if attempt == 1 else ("failed", 2)
        return "done", attempt

    def assert_each_answered_once(self, owed: Mapping[str, str], earlier: Replies) -> None:
        """Every message of `owed`, text → id, has its one reply; those that were there `earlier` are as they were."""
        replies, answered = self.replies(), self.answered()
        assert earlier.items() <= replies.items(), "a reply was replaced"
        assert max(answered.values(), default=1) == 1, f"answered more than once: {answered}"
        for text, message_id in owed.items():
            assert message_id in replies, f"{text} was acknowledged as {message_id} and is lost"
            assert self._texts[replies[message_id].reply["receipt"]["digest"]] == text

    def assert_outcomes(self, due: Mapping[str, Outcome], earlier: Replies) -> None:
        """What came after `earlier` ended as it was `due`, and what was not accepted before at its first attempt."""
        for message_id in self.replies().keys() - earlier.keys():
            reply = self.replies()[message_id].reply
            assert (reply["status"], reply["attempt"]) == due.get(message_id, ("done", 1)), reply

    def assert_nothing_is_left(self) -> None:
        """No work, no channel, no failed file, and no hidden name: as after any clean stop."""
        for name in ("inbox", "work", "channels", "failed", "callbacks"):
            assert [path.name for path in (self._ipc / name).iterdir()] == [], f"left in ipc/{name}"
        assert {path.name for path in self._ipc.rglob(".*")} <= {".installation"}
