"""One-shot mode: one message as JSON on stdin, one reply as JSON on stdout.

For `container/build.sh` to check an image with, and for people to debug one. Everything runs on the caller's thread.
"""

from __future__ import annotations

import time
from typing import Any, BinaryIO

from agent_runner.engines import Engine, Task, TurnCut
from openclaw.errors import CallRefused, OpenClawError
from openclaw.message import Message, Record, Reply, Timing, dump_bytes, load_object
from openclaw.message.frames import MAX_FRAME


class NoHost:
    """Nobody is there to be asked, and nobody follows what happens."""

    def call(self, tool: str, _arguments: dict[str, Any]) -> dict[str, Any]:
        raise CallRefused(f"there is no host in one-shot mode that could do {tool}")

    def delta(self, text: str) -> None:
        """The answer has it all."""

    def tool(self, name: str, detail: str = "") -> None:
        """Nobody looks on."""

    def record(self, record: Record) -> None:
        """There is no session."""


def answer_once(engine: Engine, source: BinaryIO, target: BinaryIO) -> bool:
    """Answer the message in `source`; whether it was done. Raises InvalidMessage where there is none.

    A message without an id gets "once".
    """
    message = Message.from_json(load_object(source.read(MAX_FRAME)))
    begun = time.monotonic()
    text, error = "", ""
    try:
        text = engine.answer(Task(message), NoHost())
    except OpenClawError as refused:
        error = str(refused)
        text = refused.text if isinstance(refused, TurnCut) else ""
    took = round((time.monotonic() - begun) * 1000)
    reply = Reply(
        id=message.id or "once",
        group=message.group,
        session=message.session,
        status="failed" if error else "done",
        text=text,
        route="dedicated",
        attempt=1,
        timing=Timing(agent_ms=took, total_ms=took),
        error=error,
    )
    target.write(dump_bytes(reply.to_json()))
    target.flush()
    return not error
