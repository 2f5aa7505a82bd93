"""ScheduleWays: what the scheduler has of the rest of the service. Called on its thread; keeps nothing.

Sessions are written by delivery's thread, so what is to be forgotten of them is handed over to it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

from openclaw.errors import MessageRefused, OpenClawError
from openclaw.message import Message, Reply

if TYPE_CHECKING:
    from openclaw.routing.desk import Receipt
    from openclaw.routing.ledger import Ledger
    from openclaw.routing.reservations import Reservations
    from openclaw.routing.router import Router
    from openclaw.routing.sessions import Sessions

log = logging.getLogger(__name__)

_OURS: Final = ("scheduler", 0)
"""In the place of the call that asked for something to be sent."""


class ScheduleWays:
    """The runs' Ways."""

    def __init__(
        self,
        router: Router,
        reservations: Reservations,
        ledger: Ledger,
        sessions: Sessions,
        hand_over: Callable[[Callable[[], None]], None],
    ) -> None:
        """`hand_over` has delivery's thread call a function."""
        self._sessions = sessions
        self._hand_over = hand_over
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

    def forget(self, group: str, sessions: list[str], /) -> None:
        self._hand_over(lambda: self._forget(group, sessions))

    def _forget(self, group: str, sessions: list[str]) -> None:
        for session in sessions:
            try:
                self._sessions.forget(group, session)
            except OSError as error:
                log.error("groups/%s/sessions/%s.jsonl cannot be removed: %s", group, session, error.strerror)

    def tell(self, reply: Reply, /) -> Future[None]:
        return self._ledger.store_sent(reply, _OURS)
