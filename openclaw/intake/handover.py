"""Handover: claimed files on their way from the inbox to the desk, and what becomes of each.

Owns the claims in ipc/work that are in hand. Called by the inbox's thread only; it blocks until what the desk accepted
is durable. A file that is in hand when something unexpected happens stays in hand and is offered again, marked as such:
the desk knows by the origin what it had accepted. So is what an earlier process had claimed, and what lies in the inbox
at the first start after a boot: a power cut may have undone the renaming of a file whose message is durable.
"""

from __future__ import annotations

import logging
import re
from concurrent.futures import Future
from typing import Final, NamedTuple

from openclaw.errors import FileRefused, MessageRefused, NotDurable, QueueFull
from openclaw.intake.failed_files import FailedFiles, shown
from openclaw.message import Message, dump_bytes, load_object
from openclaw.routing.desk import Desk, Draft, Receipt
from openclaw.spool import Claim, Committer, DropDir, Origin, claim, claims, drop_claim, put_back, read_claim

log = logging.getLogger(__name__)

MAX_FILE: Final = 256 * 1024
"""Largest dropped file in bytes, as for the body of an HTTP request."""
MAX_STEM: Final = 56
"""Characters of the id that a file name gives: room for "-2" and the like within 64."""

_COMMIT_TIMEOUT: Final = 60.0


class Places(NamedTuple):
    """The directories of ipc/ that dropped files pass; `inbox`, `work` and `failed` lie on one file system."""

    inbox: DropDir
    work: DropDir
    failed: DropDir
    outbox: DropDir


class Handover:
    """The claims in hand. Its methods raise OSError where the disk fails them."""

    def __init__(
        self, places: Places, desk: Desk, committer: Committer, failed: FailedFiles, *, booted: bool
    ) -> None:
        """`booted`: the machine was started since the last process used this home."""
        self._places = places
        self._desk = desk
        self._committer = committer
        self._failed = failed
        self._in_hand: dict[str, Claim] = {}  # by the claim's name; each neither accepted, failed nor put back
        self._doubtful: set[Origin] = set()  # files that were offered, and are or will be in hand once more
        self._left: set[str] = set()  # claims of an earlier process
        self._first_round = booted
        self._said_later = ""  # why files are tried again, as it was said last

    def recover(self) -> None:
        """Take in hand what an earlier process had claimed."""
        self._in_hand = {left.name: left for left in claims(self._places.work)}
        self._left = set(self._in_hand)

    def round_is_over(self, *, nothing_left: bool) -> None:
        """Everything in the inbox was looked at: what comes from now on was dropped in this process's time."""
        self._first_round = False
        if nothing_left and not self._in_hand:
            self._doubtful.clear()  # of files that their owners have taken away again

    def in_hand(self) -> list[Claim]:
        """The claims in hand, oldest first."""
        return list(self._in_hand.values())

    def claim(self, name: str) -> Claim:
        """Take a file of the inbox in hand. Raises FileNotFoundError where it is gone."""
        taken = claim(self._places.inbox, name, self._places.work)
        self._in_hand[taken.name] = taken
        return taken

    def offer(self, batch: list[Claim]) -> bool:
        """Have the desk accept these claims, and do with each what came of it.

        False: some could not be stored just now. They are back in the inbox, or where another file has their name by
        now still in hand, and should be offered again after a pause.
        """
        drafts = [(taken, draft) for taken in batch if (draft := self._draft(taken)) is not None]
        if not drafts:
            return True
        self._doubtful.update(draft.origin for _, draft in drafts)
        results = self._desk.accept_all([draft for _, draft in drafts])
        accepted: list[tuple[Claim, Receipt]] = []
        later: list[Claim] = []
        for (taken, _), result in zip(drafts, results, strict=True):
            if isinstance(result, Receipt):
                accepted.append((taken, result))
            elif isinstance(result, QueueFull | NotDurable):
                self._tell_later(taken, result)
                later.append(taken)
            else:
                self._fail(taken, result)
        if accepted and not later:
            self._said_later = ""
        later += self._acknowledge(accepted)
        for taken in later:
            self._put_back(taken)
        self._doubtful -= {draft.origin for taken, draft in drafts if taken not in later}
        return not later

    def _tell_later(self, taken: Claim, why: MessageRefused) -> None:
        """Once for all files and tries, until one is taken again or it is for another reason."""
        if str(why) != self._said_later:
            self._said_later = str(why)
            log.warning("ipc/inbox: %r is tried again soon, and so are those behind it: %s", taken.original, why)

    def _draft(self, taken: Claim) -> Draft | None:
        """Read a claim; one that is no message goes to failed/ here."""
        try:
            data, origin = read_claim(self._places.work, taken, MAX_FILE)
            message = Message.from_json(load_object(data))
        except FileNotFoundError:
            log.warning("The claim of ipc/inbox: %r is gone from ipc/work", taken.original)
            del self._in_hand[taken.name]
            return None
        except (FileRefused, MessageRefused) as error:
            self._fail(taken, error)
            return None
        origin = origin._replace(name=shown(taken.original))
        again = self._first_round or taken.name in self._left or origin in self._doubtful
        return Draft(message, origin, fit_stem(taken.original), again)

    def _fail(self, taken: Claim, error: FileRefused | MessageRefused) -> None:
        self._failed.put(self._places.work, taken.name, taken.original, error)
        del self._in_hand[taken.name]

    def _acknowledge(self, accepted: list[tuple[Claim, Receipt]]) -> list[Claim]:
        """Drop the claims, once it is stored under which id the reply comes where that is not the file's name.

        Returns those for which that could not be stored.
        """
        notices = [(taken, self._notify(taken, receipt)) for taken, receipt in accepted]
        later = []
        for taken, notice in notices:
            try:
                if notice is not None:
                    notice.result(_COMMIT_TIMEOUT)
            except (NotDurable, TimeoutError) as error:
                log.warning("The receipt for ipc/inbox: %r is tried again soon: %s", taken.original, error)
                later.append(taken)
            else:
                drop_claim(self._places.work, taken)
                del self._in_hand[taken.name]
        return later

    def _notify(self, taken: Claim, receipt: Receipt) -> Future[None] | None:
        """Publish outbox/ID.accepted.json where the id is not the file's stem; again and again if need be."""
        if f"{receipt.id}.json" == taken.original:
            return None
        notice = dump_bytes({"id": receipt.id, "file": shown(taken.original)})
        return self._committer.publish(self._places.outbox, f"{receipt.id}.accepted.json", notice, replace=True)

    def _put_back(self, taken: Claim) -> None:
        try:
            put_back(self._places.work, taken, self._places.inbox)
        except OSError as error:
            log.info("ipc/inbox: %r stays claimed meanwhile: %s", taken.original, error.strerror)
        else:
            del self._in_hand[taken.name]


def fit_stem(name: str) -> str:
    """What of a file's name may begin an id: unfit characters become "-", "message" where nothing is left."""
    stem = re.sub(r"[^A-Za-z0-9_-]", "-", name.removesuffix(".json"), flags=re.ASCII)
    return stem.lstrip("-_")[:MAX_STEM] or "message"
