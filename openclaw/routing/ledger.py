"""The ledger: what was accepted and not yet answered, and what was answered, as files.

`ipc/work/ID.json` exists from the moment a message is accepted until its reply is durable, and is the one truth of
what is in flight: {"message", "seq", "attempt", "accepted_at", "origin"?, "call"?, "task"?}, the last two of a
subagent. `ipc/outbox/ID.json` is the reply; its key "receipt" keeps the digest of the message, so that an id used again
is recognised, the origin of a dropped file, so that none is taken twice, and the call that asked for a subagent, or
for something to be sent.

Every method may be called from any thread; writes go through the committer.
"""

from __future__ import annotations

import logging
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NamedTuple

from openclaw.agents.turn import Turn
from openclaw.errors import FileRefused, InvalidMessage
from openclaw.message import Message, Reply, dump_bytes, is_id, load_object, parent_id
from openclaw.spool import Origin

if TYPE_CHECKING:
    from openclaw.clock import Clock
    from openclaw.spool import Committer, DropDir

log = logging.getLogger(__name__)

MAX_RECORD = 16 * 1024 * 1024
"""Largest file in bytes that is read back: ours are a message of 256 KiB or a reply of 4 MiB, escaped."""


class Remembered(NamedTuple):
    """What a reply remembers of its message."""

    digest: str
    origin: Origin | None


class Left(NamedTuple):
    """What the last process left in work/, each in the order of acceptance."""

    open: list[Turn]
    answered: list[Turn]
    """Their reply is out; only what delivery does after that is missing."""


class Ledger:
    """Reads and writes work/ and outbox/."""

    def __init__(self, work: DropDir, outbox: DropDir, committer: Committer, clock: Clock) -> None:
        self._work = work
        self._outbox = outbox
        self._committer = committer
        self._clock = clock

    def store(self, turn: Turn, *, replace: bool = False) -> Future[None]:
        """Make the turn durable; done before it is acknowledged. Fails with NotDurable."""
        record: dict[str, Any] = {
            "message": turn.message.content(),
            "seq": turn.seq,
            "attempt": turn.attempt,
            "accepted_at": turn.accepted_at,
        }
        if turn.origin is not None:
            record["origin"] = list(turn.origin)
        if turn.call is not None:
            record["call"], record["task"] = list(turn.call), turn.task
        return self._committer.publish(self._work, f"{turn.id}.json", dump_bytes(record), replace=replace)

    def store_reply(self, turn: Turn, reply: Reply) -> Future[None]:
        """Publish the reply; one that is there already is never overwritten: NameTaken."""
        record = reply.to_json()
        record["receipt"] = {"digest": turn.digest}
        if turn.origin is not None:
            record["receipt"]["origin"] = list(turn.origin)
        if turn.call is not None:
            record["receipt"]["call"] = list(turn.call)
        return self._committer.publish(self._outbox, f"{turn.id}.json", dump_bytes(record))

    def store_sent(self, reply: Reply, call: tuple[str, int]) -> Future[None]:
        """Publish what an agent sends before its reply; fails with NameTaken where it is there already."""
        record = {**reply.to_json(), "receipt": {"call": list(call)}}
        return self._committer.publish(self._outbox, f"{reply.id}.json", dump_bytes(record))

    def call_of(self, message_id: str) -> tuple[str, int] | None:
        """The call that asked for what is in the outbox under an id."""
        return _call((self._read(self._outbox, message_id) or {}).get("receipt", {}))

    def amend_reply(self, message_id: str, key: str, value: Any) -> Future[None] | None:
        """Add a key to a published reply; None where it is gone by now, or damaged."""
        record = self._read(self._outbox, message_id)
        if not record:
            return None
        record[key] = value
        return self._committer.publish(self._outbox, f"{message_id}.json", dump_bytes(record), replace=True)

    def reply(self, message_id: str) -> dict[str, Any] | None:
        """The reply as its sender sees it, None where there is none, {} where what is there is none of ours."""
        record = self._read(self._outbox, message_id)
        if record is not None:
            record.pop("receipt", None)
        return record

    def remembered(self, message_id: str) -> Remembered | None:
        """What is remembered of an answered message, None where the id is unused."""
        record = self._read(self._outbox, message_id)
        if record is None:
            return None
        kept = record.get("receipt")
        if not isinstance(kept, dict) or not isinstance(kept.get("digest"), str):
            return Remembered("", None)
        return Remembered(kept["digest"], _origin(kept))

    def finished_subagents(self, parents: set[str]) -> list[tuple[str, tuple[str, int] | None]]:
        """The subagents of these messages that have their reply: (id, the call that asked for it)."""
        if not parents:
            return []
        ids = (name.removesuffix(".json") for name in self._outbox.names())
        mine = [child for child in ids if is_id(child) and parent_id(child) in parents]
        return [(child, self.call_of(child)) for child in mine]

    def has_work(self, message_id: str) -> bool:
        """Whether work/ has a file of that id, damaged or not."""
        return self._work.exists(f"{message_id}.json")

    def settle(self, turn: Turn) -> None:
        """The reply is durable: the work is done. Raises OSError."""
        self._work.retire(f"{turn.id}.json")

    def rest(self) -> None:
        """Nothing is in flight: nothing is left in work/ either."""
        try:
            self._work.drop_spares()
        except OSError as error:
            log.error("ipc/work cannot be cleared: %s; the next start does it", error)

    def load(self) -> Left:
        """What was in flight when the last process ended. A file that cannot be read is left where it is, and said."""
        left = Left([], [])
        for name in self._work.names():
            message_id = name.removesuffix(".json")
            try:
                turn = self._turn(load_object(self._work.read(name, MAX_RECORD).data), message_id)
            except (FileRefused, InvalidMessage, KeyError, TypeError, ValueError, OSError) as error:
                log.error("ipc/work/%s cannot be read and is left there; look at it by hand: %s", name, error)
                continue
            (left.answered if self._outbox.exists(name) else left.open).append(turn)
        for turns in left:
            turns.sort(key=lambda turn: turn.seq)
        return left

    def _turn(self, record: dict[str, Any], message_id: str) -> Turn:
        if not is_id(message_id):
            raise ValueError("its name is no id")
        content = dict(record["message"])  # a ValueError or TypeError for what is no object
        if content.pop("id", message_id) != message_id:
            raise ValueError("it is about another message")
        message = Message.from_json(content).with_id(message_id)
        accepted_at = float(record["accepted_at"])
        waited = max(0.0, self._clock.time() - accepted_at)
        return Turn(
            message=message,
            seq=int(record["seq"]),
            accepted=self._clock.monotonic() - waited,
            accepted_at=accepted_at,
            digest=message.digest(),
            origin=_origin(record),
            attempt=int(record["attempt"]),
            call=_call(record),
            task=dict(record.get("task", {})),
        )

    def _read(self, directory: DropDir, message_id: str) -> dict[str, Any] | None:
        try:
            return load_object(directory.read(f"{message_id}.json", MAX_RECORD).data)
        except FileNotFoundError:
            return None
        except (InvalidMessage, FileRefused) as error:
            log.error("%s/%s.json is damaged: %s", directory.path, message_id, error)
            return {}


def _origin(record: dict[str, Any]) -> Origin | None:
    given = record.get("origin")
    return Origin(*given) if isinstance(given, list) and len(given) == len(Origin._fields) else None


def _call(record: dict[str, Any]) -> tuple[str, int] | None:
    given = record.get("call")
    return (str(given[0]), int(given[1])) if isinstance(given, list) and len(given) == 2 else None
