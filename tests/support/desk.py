"""A desk that takes everything, unless a test says otherwise."""

from __future__ import annotations

import queue
from collections import deque

from openclaw.errors import MessageRefused
from openclaw.message import Message
from openclaw.routing.desk import Draft, Receipt
from openclaw.spool import Origin


class FakeDesk:
    """Accepts messages as the router would, in memory.

    `refusals`: what the next messages get instead of a receipt, one each; None lets one pass.
    `batches`: the drafts of each call. `accepted`: the messages with their ids, for a test to wait on.
    """

    def __init__(self) -> None:
        self.refusals: deque[MessageRefused | None] = deque()
        self.batches: queue.Queue[list[Draft]] = queue.Queue()
        self.accepted: queue.Queue[Message] = queue.Queue()
        self._ids: set[str] = set()
        self._origins: dict[Origin, str] = {}

    def accept(self, message: Message) -> Receipt:
        return self._accept(message, message.id or "made")

    def accept_all(self, drafts: list[Draft]) -> list[Receipt | MessageRefused]:
        self.batches.put(drafts)
        return [self._accept_draft(draft) for draft in drafts]

    def next_accepted(self) -> Message:
        return self.accepted.get(timeout=10)

    def _accept_draft(self, draft: Draft) -> Receipt | MessageRefused:
        refusal = self.refusals.popleft() if self.refusals else None
        if refusal is not None:
            return refusal
        if draft.again and draft.origin in self._origins:
            return Receipt(self._origins[draft.origin], duplicate=True)
        receipt = self._accept(draft.message, draft.message.id or self._free(draft.stem))
        self._origins[draft.origin] = receipt.id
        return receipt

    def _accept(self, message: Message, message_id: str) -> Receipt:
        duplicate = message_id in self._ids
        self._ids.add(message_id)
        if not duplicate:
            self.accepted.put(message.with_id(message_id))
        return Receipt(message_id, duplicate)

    def _free(self, stem: str) -> str:
        if stem not in self._ids:
            return stem
        number = 2
        while f"{stem}-{number}" in self._ids:
            number += 1
        return f"{stem}-{number}"
