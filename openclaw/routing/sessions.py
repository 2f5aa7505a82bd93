"""Sessions: what a conversation keeps between its turns, as `groups/GROUP/sessions/SESSION.jsonl`.

What the lines mean is `message.session`'s, how the file is handled `session_file`'s; here is when a line is written,
each once, and when older turns leave the file: they move to `groups/GROUP/conversations/DATE-SESSION-ID.jsonl`, line
by line, before the file is replaced by what is left. ID is the turn with which they left.

Written by delivery's thread alone, read by the threads that dispatch turns. One lock guards what is remembered of
files; files are read and written without it.
"""

from __future__ import annotations

import errno
import logging
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from openclaw.errors import NotDurable
from openclaw.message import Record, dump_bytes
from openclaw.message.session import MAX_SESSION, Entry, Session, read_lines
from openclaw.routing.session_file import SessionFile, Stamp
from openclaw.routing.session_rest import separate

if TYPE_CHECKING:
    from openclaw.clock import Clock

log = logging.getLogger(__name__)

MAX_RESULT: Final = 16 * 1024
"""Characters of a subagent's text that its session is told; the whole is in its reply."""

MAX_RESULTS: Final = 1024 * 1024
"""Characters of results that one turn is told of; the rest waits for the next."""

MAX_KNOWN: Final = 64
"""Sessions whose files need not be read again."""

Finish = Callable[[], None]
"""Makes durable what was begun. Called once."""

_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(slots=True)
class _Known:
    """What is remembered of one session's file: its lines, without the messages themselves."""

    stamp: Stamp | None
    session: Session
    damaged: bool


class Sessions:
    """The sessions of every group below `root`; `uid` is the one by which containers read them."""

    def __init__(self, root: Path, clock: Clock, uid: int) -> None:
        self._root = root
        self._clock = clock
        self._uid = uid
        self._lock = threading.Lock()
        # Guarded by _lock: the table, and everything in it.
        self._known: OrderedDict[tuple[str, str], _Known] = OrderedDict()

    def unseen(self, group: str, session: str, turn_id: str) -> list[dict[str, Any]]:
        """The results of subagents that the turn is to be told of, as {"id", "status", "text"}.

        They are those that no turn of the session was told of, an earlier attempt at this one aside; those of one
        message in the order in which they were started, whichever was done first.
        """
        file = self._file(group, session)
        try:
            known = self._recall(file, group, session)
        except OSError as error:
            log.error("%s cannot be read: %s", file.path, error.strerror)
            return []
        with self._lock:
            waiting = known.session.unseen(turn_id)
        return list(_within(MAX_RESULTS, _by_start(waiting)))

    def add_result(self, reply: dict[str, Any]) -> None:
        """A subagent has its reply: note it for its session, once, durably.

        Raises NotDurable where the disk is full, and OSError where it fails otherwise.
        """
        group, session, message_id = reply["group"], reply["session"], reply["id"]
        file = self._file(group, session)
        known = self._recall(file, group, session)
        if message_id in known.session.results or message_id in known.session.told:
            return  # by a process that ended before it could go on
        text = reply["text"] or reply.get("error", "")
        if len(text) > MAX_RESULT:
            text = f"{text[:MAX_RESULT]}… (the whole text is the reply {message_id})"
        entry = {"kind": "subagent", "id": message_id, "status": reply["status"], "text": text}
        self._begin(file, known, [entry], message_id)()

    def add_turn(self, group: str, session: str, turn_id: str, results: list[str], record: Record | None) -> Finish:
        """A turn is over that was told of `results` and leaves `record`: note it, once.

        It is durable when what is returned was called, which has to be, on the same thread: of many turns that are
        begun before the first is finished, the disk writes the lines together. Both raise NotDurable where the disk is
        full, and OSError where it fails otherwise.
        """
        file = self._file(group, session)
        known = self._recall(file, group, session)
        entries = self._entries(known.session, turn_id, results, record)
        return self._begin(file, known, entries, turn_id) if entries else _nothing

    def forget(self, group: str, session: str) -> None:
        """Nobody will speak in this session again: its file goes. Raises OSError."""
        with self._lock:
            self._known.pop((group, session), None)
        self._file(group, session).remove()

    def _entries(self, known: Session, turn_id: str, results: list[str], record: Record | None) -> list[Entry]:
        """The lines that are missing."""
        at = round(self._clock.time())
        entries: list[Entry] = []
        if record is not None:
            entry: Entry = {"kind": "messages", "id": turn_id, "at": at, "messages": record.messages}
            if record.tokens:
                entry["tokens"] = record.tokens
            before = known.turns.get(turn_id)
            if before is None or before["digest"] != _digest(entry):
                if record.new:
                    entries.append({"kind": "new", "id": turn_id, "at": at})
                if record.summary is not None:
                    entries.append({"kind": "summary", "id": turn_id, "at": at, **record.summary._asdict()})
                entries.append(entry)
        seen = [child for child in results if child not in known.told]
        if seen:
            entries.append({"kind": "turn", "id": turn_id, "results": seen})
        return entries

    # The file

    def _file(self, group: str, session: str) -> SessionFile:
        return SessionFile(self._root / group, session, self._uid)

    def _recall(self, file: SessionFile, group: str, session: str) -> _Known:
        """What is known of the session's file as it is now. Raises OSError."""
        stamp = file.stamp()
        with self._lock:
            known = self._known.get((group, session))
            if known is not None and known.stamp == stamp:
                self._known.move_to_end((group, session))
                return known
        before = known.stamp if known is not None else None
        known = _read(file)
        if before is not None and _has_shrunk(file, before, known.stamp):
            known.damaged = True
        with self._lock:
            self._known[group, session] = known
            while len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)
        return known

    def _begin(self, file: SessionFile, known: _Known, entries: list[Entry], cause: str) -> Finish:
        """Add lines; they are durable when what is returned was called.

        Both raise NotDurable where the disk is full, and OSError where it fails otherwise.
        """
        with _full_is_told(cause):
            sync = self._write(file, known, entries, cause)

        def finish() -> None:
            with _full_is_told(cause):
                stamp = sync()
            with self._lock:
                for entry in entries:
                    known.session.add(_light(entry))
                known.stamp, known.damaged = stamp, False

        return finish

    def _write(self, file: SessionFile, known: _Known, entries: list[Entry], cause: str) -> Callable[[], Stamp]:
        """Add lines, and let older ones leave the file where these say so, or where it has grown too large."""
        data = b"".join(map(dump_bytes, entries))
        size = known.stamp.size if known.stamp is not None else 0
        leave = size > 0 and any(entry["kind"] in ("new", "summary") for entry in entries)
        if known.damaged or leave or size + len(data) > MAX_SESSION:
            stamp = self._rewrite(file, known, entries, cause)
            return lambda: stamp
        return file.append(data).sync

    def _rewrite(self, file: SessionFile, known: _Known, entries: list[Entry], cause: str) -> Stamp:
        """Replace the file by what still counts. What does not is archived before, what is damaged kept beside it.

        `cause` is the turn or the subagent of which the new lines are: the same names come of it when this is repeated.
        """
        date = time.strftime("%Y-%m-%d", time.localtime(self._clock.time()))
        if known.damaged:
            kept = file.set_aside(f"{date}-{cause}")
            log.error("%s is damaged: it is kept as %s, and goes on with what could be read", file.path, kept)
        content = file.read()
        before = read_lines(content.data, whole=content.whole).entries if content is not None else []
        name = f"{date}-{file.path.stem}-{cause}.jsonl"
        rest = separate(before, entries, name)
        if rest.gone:
            try:
                file.archive(name, b"".join(map(dump_bytes, rest.gone)))
            except OSError as error:
                if error.errno in _FULL:
                    raise
                log.error("%s cannot be written, so the session keeps its older turns: %s", name, error.strerror)
                if known.damaged:  # the file that is set aside is still this one: it stays as it is
                    return file.replace(b"".join(map(dump_bytes, [*before, *entries])))
                return file.append(b"".join(map(dump_bytes, entries))).sync()  # which say by themselves what counts
        return file.replace(b"".join(map(dump_bytes, rest.kept)))


def _nothing() -> None:
    """Nothing was to be noted."""


@contextmanager
def _full_is_told(cause: str) -> Iterator[None]:
    """A full disk is worth another try, and so is told apart."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise NotDurable(f"the session of {cause} could not be written: {error.strerror}") from error
        raise


def _read(file: SessionFile) -> _Known:
    """What lies there, and whether all of it could be read. Raises OSError."""
    if file.is_foreign():
        log.error("%s is no regular file: it counts for nothing, and is set aside with the next turn", file.path)
        return _Known(file.stamp(), Session(), damaged=True)
    content = file.read()
    if content is None:
        return _Known(None, Session(), damaged=False)
    lines = read_lines(content.data, whole=content.whole)
    if lines.damaged:
        log.error("%s has a damaged line, which is left out (%d in all)", file.path, lines.damaged)
    if lines.torn:
        log.error("%s ends within a line, which is left out: its turn was never over, or its end was lost", file.path)
    if not content.data:
        log.error("%s is empty, which no session ever is: what it held is lost, or was never noted", file.path)
    if not content.whole:
        log.error("%s is larger than it ever should be; only its end is read", file.path)
    session = Session()
    for entry in lines.entries:
        session.add(_light(entry))
    damaged = bool(lines.damaged) or lines.torn or not content.data or not content.whole
    return _Known(content.stamp, session, damaged)


def _has_shrunk(file: SessionFile, before: Stamp, now: Stamp | None) -> bool:
    """Whether the file has lost something since `before`, which is said. One that was replaced was edited by hand."""
    if now is None:
        log.warning("%s is gone: the session begins anew", file.path)
        return False
    if now.inode != before.inode or now.size >= before.size:
        return False
    log.error("%s has only %d bytes of the %d that were written: the rest is lost", file.path, now.size, before.size)
    return True


def _light(entry: Entry) -> Entry:
    """A line as it is remembered: of messages only which they were."""
    return {"kind": "messages", "id": entry["id"], "digest": _digest(entry)} if entry["kind"] == "messages" else entry


def _digest(entry: Entry) -> int:
    return zlib.crc32(dump_bytes({"messages": entry["messages"]}))


def _by_start(entries: Iterable[Entry]) -> list[Entry]:
    """Messages in the order of their first result, and the results of each by the number of its subagent."""
    messages: dict[str, int] = {}

    def place(entry: Entry) -> tuple[int, int]:
        message, _, number = entry["id"].rpartition(".s")
        return messages.setdefault(message, len(messages)), int(number) if number.isdecimal() else 0

    return sorted(entries, key=place)


def _within(characters: int, entries: Iterable[Entry]) -> Iterator[dict[str, Any]]:
    """The first of these results, at least one, whose texts together have at most so many characters."""
    for number, entry in enumerate(entries):
        characters -= len(entry["text"])
        if number and characters < 0:
            return
        yield {key: entry[key] for key in ("id", "status", "text")}
