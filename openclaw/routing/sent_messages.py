"""SentMessages: what an agent tells its user before the reply, as with "this takes a while".

Each is a reply of its own, `PARENT.mN` in the outbox, and an event of the running message. It goes to the group of the
turn, whatever the agent says. N is made of the attempt and the number of the call, so that a call that is heard again
after a death finds what it has made; nothing is kept in memory.

Called from the agents' threads; what is told once it is stored comes on the committer's, where it is only handed over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from openclaw.agents.turn import Answer as TurnAnswer
from openclaw.errors import CallRefused, NameTaken, OpenClawError
from openclaw.message import is_name, sent_id
from openclaw.message.frames import SIDE_CALLS
from openclaw.message.names import RULE

if TYPE_CHECKING:
    from openclaw.agents.turn import Turn
    from openclaw.clock import Clock
    from openclaw.message import Frame, Reply
    from openclaw.routing.agent_calls import Answer, HostTool
    from openclaw.routing.ledger import Ledger

log = logging.getLogger(__name__)

MAX_TEXT: Final = 16 * 1024
"""Characters of one; there may be as many of a turn as it may make calls."""


class SentMessages:
    """Answers the calls of agents that send something: `tools`, by their names."""

    def __init__(self, ledger: Ledger, clock: Clock, *, told: Callable[[str, dict[str, Any]], None]) -> None:
        """`told(parent, {"id", "session", "text"})` hears of each that is stored."""
        self._ledger = ledger
        self._clock = clock
        self._told = told
        self.tools: dict[str, HostTool] = {"send_message": self._send}

    def _send(self, turn: Turn, call: Frame, arguments: dict[str, Any], answer: Answer) -> None:
        if turn.parent:
            raise CallRefused("a subagent does not talk to the user: put it into your answer, which the user is given")
        text, session = _checked(arguments)
        if turn.cancelled:
            raise CallRefused("the message is cancelled: nothing more is sent for it")
        assert turn.attachment is not None
        key = (turn.attachment.channel.cid, call.number)
        reply = self._reply(turn, call.number, text, session or turn.message.session)
        stored = self._ledger.store_sent(reply, key)
        stored.add_done_callback(lambda stored: answer(self._stored(turn.id, reply, key, stored)))

    def _reply(self, turn: Turn, number: int, text: str, session: str) -> Reply:
        message_id = sent_id(turn.id, (turn.attempt - 1) * SIDE_CALLS[-1] + number)
        as_if_answered = turn.reply(TurnAnswer("done", text), self._clock.monotonic())
        return replace(as_if_answered, id=message_id, session=session, subagents=())

    def _stored(self, parent: str, reply: Reply, key: tuple[str, int], stored: Future[None]) -> dict[str, Any]:
        """On the committer's thread: the result of the call."""
        error = stored.exception()
        if isinstance(error, NameTaken) and self._is_mine(reply.id, key):
            error = None  # by a process that ended before it could answer
        if error is not None:
            log.error("%s could not be sent: %s", reply.id, error)
            return {"error": f"it could not be sent: {error}"}
        log.info("Message %s: its agent has sent %s", parent, reply.id)
        self._told(parent, {"id": reply.id, "session": reply.session, "text": reply.text})
        return {"value": {"id": reply.id, "session": reply.session, "status": "sent"}}

    def _is_mine(self, message_id: str, key: tuple[str, int]) -> bool:
        try:
            return self._ledger.call_of(message_id) == key
        except (OSError, OpenClawError) as error:
            log.error("ipc/outbox/%s.json cannot be read: %s", message_id, error)
            return False


def _checked(arguments: dict[str, Any]) -> tuple[str, str]:
    """The text, and the session or nothing. Raises CallRefused."""
    text, session = arguments.get("text"), arguments.get("session", "")
    if not {"text"} <= arguments.keys() <= {"text", "session"}:
        raise CallRefused('send_message takes "text" and, as you like, "session"')
    if not isinstance(text, str) or not text.strip() or len(text) > MAX_TEXT:
        raise CallRefused(f'"text" is what the user is to read, at most {MAX_TEXT} characters')
    if session != "" and not is_name(session):
        raise CallRefused(f'"session" must be {RULE}; leave it out for the one of this message')
    return text, session
