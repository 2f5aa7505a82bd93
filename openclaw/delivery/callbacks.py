"""Callbacks: replies that are owed to a callback_url, each posted at least once.

    owe → [ipc/callbacks/ID.json durable] → post → 2xx: the file goes
                                             ↑ └─ else: a pause, and again; after the last the reply's record says so
                                             └────┘

A receiver may see a reply twice, after a crash or an answer that got lost; `Idempotency-Key` bears the message's id, by
which it tells. Hosts take turns and get few posts at once, so that one that hangs does not hold up the others.

What is owed says how often it was tried and when it is tried next (`tries`, `next_at` in seconds since 1970), so that
a restart goes on where the last process was.

`admit` is called by intake, `owe` and `send` by delivery's thread, `load` once at start; the workers alone post, count
and remove. In memory is an id for each owed reply; its text stays on the disk.
"""

from __future__ import annotations

import logging
import random
import threading
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from openclaw import __version__
from openclaw.delivery.fair_workers import FairWorkers
from openclaw.delivery.post import Post
from openclaw.errors import CallbackFailed, FileRefused, InvalidMessage, OpenClawError, QueueFull
from openclaw.message import dump_bytes, load_object

if TYPE_CHECKING:
    from openclaw.clock import Alarms, Clock
    from openclaw.routing.ledger import Ledger
    from openclaw.spool import Committer, DropDir

log = logging.getLogger(__name__)

PAUSES = (2.0, 10.0, 60.0, 300.0, 1800.0, 7200.0)
"""Seconds between one post and the next to the same address, some 2 h 40 min in all, over restarts too."""

JITTER = 0.2
"""Share by which a pause is lengthened at random, so that what failed together does not come back together."""

MAX_WORKERS = 8
PER_HOST = 2
"""Posts at once, in all and to one host."""

MAX_OWED = 10_000
"""Owed replies at which messages with a callback_url are no longer taken."""

_MAX_RECORD = 16 * 1024 * 1024
_CLOSE_TIMEOUT = 5.0
_AMEND_TIMEOUT = 60.0


class _Owed(NamedTuple):
    """A reply on its way: which one, to which host, and how often it was tried."""

    message_id: str
    host: str
    tries: int = 0


class Callbacks:
    """Owed replies in `directory`, and the workers that post them. `authorities` as Post has it."""

    def __init__(
        self,
        directory: DropDir,
        committer: Committer,
        ledger: Ledger,
        alarms: Alarms,
        clock: Clock,
        *,
        authorities: str = "",
    ) -> None:
        self._directory = directory
        self._committer = committer
        self._ledger = ledger
        self._alarms = alarms
        self._clock = clock
        self._authorities = authorities
        self._workers = FairWorkers("callback", self._attempt, threads=MAX_WORKERS, per_key=PER_HOST)
        self._lock = threading.Lock()
        # Guarded by _lock: the ids of what is owed, the posts under way, and whether no more are to begin.
        self._owed: set[str] = set()
        self._posts: set[Post] = set()
        self._closed = False

    def admit(self, url: str) -> None:
        """Raise QueueFull where so many replies are owed that a message that wants one more is not taken."""
        with self._lock:
            owed = len(self._owed)
        if url and owed >= MAX_OWED:
            raise QueueFull(f'{owed} replies wait for their "callback_url" to answer; send it without one, or later')

    def owe(self, message_id: str, url: str, reply: dict[str, Any]) -> Future[None]:
        """Make the debt durable, for `send` to pay. Fails with NotDurable, or NameTaken where it is owed already."""
        record = dump_bytes({"url": url, "reply": reply})
        return self._committer.publish(self._directory, f"{message_id}.json", record)

    def send(self, message_id: str, url: str) -> None:
        """Post what is owed, as soon as a worker and its host are free."""
        if self._take(message_id):
            self._queue(_Owed(message_id, _host_of(url)))

    def load(self) -> None:
        """Take up what the last process still owed, each where it was."""
        for name in self._directory.names():
            message_id = name.removesuffix(".json")
            record = self._read(message_id)
            if record is None or not self._take(message_id):
                continue
            owed = _Owed(message_id, _host_of(record["url"]), _tries(record))
            pause = self._left_of_pause(owed.tries, record.get("next_at"))
            if pause:
                self._alarms.call_later(pause, partial(self._queue, owed))
            else:
                self._queue(owed)

    def _take(self, message_id: str) -> bool:
        """Whether nobody sees to it yet."""
        with self._lock:
            fresh = message_id not in self._owed
            self._owed.add(message_id)
        return fresh

    def _left_of_pause(self, tries: int, next_at: object) -> float:
        """Seconds; never more than the whole pause, whatever has become of the date."""
        if not tries or not isinstance(next_at, int | float):
            return 0.0
        return max(0.0, min(next_at - self._clock.time(), PAUSES[tries - 1] * (1 + JITTER)))

    def close(self) -> None:
        """Begin no more posts and cut those under way: what is not done stays owed."""
        with self._lock:
            self._closed = True
            posts = set(self._posts)
        for post in posts:
            post.abort()
        self._workers.close(_CLOSE_TIMEOUT)

    def _queue(self, owed: _Owed) -> None:
        self._workers.put(owed.host, owed)

    # On the workers

    def _attempt(self, owed: _Owed) -> None:
        record = self._read(owed.message_id)
        if record is None:
            self._done(owed)
            return
        try:
            self._post(owed, record)
        except CallbackFailed as error:
            self._failed(owed, record, str(error))
            return
        log.info("The reply to %s was posted to %s", owed.message_id, owed.host)
        self._settle(owed)

    def _post(self, owed: _Owed, record: dict[str, Any]) -> None:
        post = Post(self._alarms, self._authorities)
        with self._lock:
            if self._closed:
                raise CallbackFailed("the service stops")
            self._posts.add(post)
        headers = {"Idempotency-Key": owed.message_id, "User-Agent": f"openclaw/{__version__}"}
        try:
            post.send(record["url"], dump_bytes(record["reply"]), headers)
        finally:
            with self._lock:
                self._posts.discard(post)

    def _failed(self, owed: _Owed, record: dict[str, Any], why: str) -> None:
        with self._lock:
            if self._closed:
                return  # cut by us: it stays owed
        tries = owed.tries + 1
        if tries <= len(PAUSES):
            pause = PAUSES[tries - 1] * (1 + JITTER * random.random())
            log.warning("The callback of %s to %s failed: %s; next try in %.0f s", *owed[:2], why, pause)
            self._count(owed, {**record, "tries": tries, "next_at": round(self._clock.time() + pause, 3)})
            self._alarms.call_later(pause, lambda: self._queue(owed._replace(tries=tries)))
            return
        log.error("The callback of %s to %s failed %d times and is given up: %s", *owed[:2], tries, why)
        self._give_up(owed, tries, why)

    def _count(self, owed: _Owed, record: dict[str, Any]) -> None:
        """Note how often it was tried; where the disk refuses, the next start tries more often than it should."""
        try:
            written = self._committer.publish(
                self._directory, f"{owed.message_id}.json", dump_bytes(record), replace=True
            )
            written.result(_AMEND_TIMEOUT)
        except (OSError, OpenClawError, TimeoutError) as error:
            log.warning("ipc/callbacks/%s.json does not say how often it was tried: %s", owed.message_id, error)

    def _give_up(self, owed: _Owed, tries: int, why: str) -> None:
        """Say so in the reply's record, then forget the debt; a disk that refuses leaves it to the next start."""
        note = {"status": "failed", "attempts": tries, "error": why}
        try:
            amended = self._ledger.amend_reply(owed.message_id, "callback", note)
            if amended is not None:
                amended.result(_AMEND_TIMEOUT)
        except (OSError, OpenClawError, TimeoutError) as error:
            log.error("ipc/outbox/%s.json could not be amended: %s; the next start tries again", owed.message_id, error)
            self._done(owed)
            return
        self._settle(owed)

    def _settle(self, owed: _Owed) -> None:
        try:
            self._directory.remove(f"{owed.message_id}.json")
        except OSError as error:
            log.error("ipc/callbacks/%s.json could not be removed: %s", owed.message_id, error)
        self._done(owed)

    def _done(self, owed: _Owed) -> None:
        with self._lock:
            self._owed.discard(owed.message_id)

    def _read(self, message_id: str) -> dict[str, Any] | None:
        """What is owed; None, said in the log, where the file is gone or is not ours."""
        try:
            record = load_object(self._directory.read(f"{message_id}.json", _MAX_RECORD).data)
        except (FileNotFoundError, FileRefused, InvalidMessage, OSError) as error:
            log.error("ipc/callbacks/%s.json cannot be read: %s; look at it by hand", message_id, error)
            return None
        url, reply = record.get("url"), record.get("reply")
        if not isinstance(url, str) or not isinstance(reply, dict) or not _host_of(url):
            log.error("ipc/callbacks/%s.json is no reply of ours; look at it by hand", message_id)
            return None
        return record


def _tries(record: dict[str, Any]) -> int:
    tries = record.get("tries", 0)
    return min(tries, len(PAUSES)) if type(tries) is int and tries > 0 else 0


def _host_of(url: str) -> str:
    """Host and port: all of an address that is logged, since the rest may hold a secret. Empty for no address."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        return ""
    return f"{parts.hostname}:{port}"
