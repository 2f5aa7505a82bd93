"""Directories of JSON files as queues: written durably, watched without polling, taken without trust.

The container's image carries this package too, so that the protocol has one implementation on both sides.
It imports the leaves only, and nothing that makes a small process large.
"""

from openclaw.spool.advice import with_advice
from openclaw.spool.claims import Claim, claim, claims, drop_claim, put_back, read_claim
from openclaw.spool.committer import Committer
from openclaw.spool.dropdir import DropDir
from openclaw.spool.inotify import (
    IN_CLOSE_WRITE,
    IN_CREATE,
    IN_DELETE,
    IN_MODIFY,
    IN_MOVED_FROM,
    IN_MOVED_TO,
    Inotify,
)
from openclaw.spool.taking import Origin, Taken
from openclaw.spool.watcher import DROPPED, Watch, Watcher

__all__ = [
    "DROPPED",
    "IN_CLOSE_WRITE",
    "IN_CREATE",
    "IN_DELETE",
    "IN_MODIFY",
    "IN_MOVED_FROM",
    "IN_MOVED_TO",
    "Claim",
    "Committer",
    "DropDir",
    "Inotify",
    "Origin",
    "Taken",
    "Watch",
    "Watcher",
    "claim",
    "claims",
    "drop_claim",
    "put_back",
    "read_claim",
    "with_advice",
]
