"""ScheduleWays: what the scheduler has of the rest of the service. Called on its thread; keeps nothing."""

from __future__ import annotations

import logging
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

from openclaw.errors import MessageRefused, OpenClawError
from openclaw.message import Message, Reply

if TYPE_CHECKING:
    from openclaw.routing.desk import Receipt
    from openclaw.routing.ledger import Ledger
    from openclaw.routing.reservations import Reservations
    from openclaw.routing.router import Router

log = logging.getLogger(__name__)

_OURS: Final = ("scheduler", 0)
"""In the place of the call that asked for something to be sent."""


class ScheduleWays:
    """The keeper's Ways."""

    def __init__(self, router: Router, reservations: Reservations, ledger: Ledger) -> None:
        self._router = router
        self._reservations = reservations
        self._ledger = ledger

    def accept_each(self, messages: list[Message], /) -> list[Receipt | MessageRefused]:
        return self._router.accept_each(messages)

    def in_flight(self, message_id: str, /) -> bool:
        return self._reservations.holds(message_id)

    def reply(self, message_id: str, /) -> dict[str, Any] | None:
        """An outbox that cannot be read has none: the message is offered again, and refused as long as that is so."""
        try:
            return self._ledger.reply(message_id)
        except (OSError, OpenClawError) as error:
            log.error("ipc/outbox/%s.json cannot be read: %s", message_id, error)
            return None

    def tell(self, reply: Reply, /) -> Future[None]:
        return self._ledger.store_sent(reply, _OURS)
