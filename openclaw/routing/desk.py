"""The desk: where every way in hands its messages over, and what it gets back.

Only types live here, so that intake can be written and tested against them without a router. Whoever implements
Desk is called from many threads at once: one for each HTTP request, and the inbox's own.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from openclaw.errors import MessageRefused
from openclaw.message import Message
from openclaw.spool import Origin


class Draft(NamedTuple):
    """A message from a dropped file, not accepted yet.

    `message.id` is empty where the file names none; then the id is made from `stem`, which is a fit name of at most
    56 characters: STEM, or STEM-2, STEM-3, … where that is taken. `origin` tells which file it is; `again`, that it
    may have been accepted before: then its origin decides. Otherwise it is a new message, be it the same file (`ln`).
    """

    message: Message
    origin: Origin
    stem: str
    again: bool = False


class Receipt(NamedTuple):
    """What was accepted: the id by which the reply comes. `duplicate`: it had been accepted before."""

    id: str
    duplicate: bool


class Desk(Protocol):
    """Takes messages in. What it returns a receipt for is on the disk and survives a power cut."""

    def accept(self, message: Message) -> Receipt:
        """Accept one message; blocks until it is durable. Raises a MessageRefused that says why not."""
        ...

    def accept_all(self, drafts: list[Draft]) -> list[Receipt | MessageRefused]:
        """Accept the messages of dropped files in this order; blocks until all are durable.

        Returns one result for each draft, in the same order. A draft that comes `again` and whose origin was accepted
        before gives the receipt of then, with `duplicate` set.
        """
        ...
