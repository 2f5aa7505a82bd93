"""`openclaw send`: one message, and its reply on standard output.

Runs on the main thread. The wait for the reply is cut into calls of at most CALL_WAIT_S, so that a service that
went away is noticed and no call hangs for long. The id is chosen here, so that a message whose acceptance nobody heard
of can be asked after, and sent again without becoming two.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
from pathlib import Path
from typing import Any

from openclaw.cli.client import CallLost, Client, ServiceDown
from openclaw.cli.terminal import printable
from openclaw.clock import Clock, SystemClock
from openclaw.config import Config
from openclaw.errors import InvalidMessage
from openclaw.message import Message

CALL_WAIT_S = 60.0
MAX_TEXT = 256 * 1024
_FINAL = ("done", "failed", "cancelled")


def run(config: Config, arguments: argparse.Namespace) -> int:
    """Send the message that `arguments` describe. Raises InvalidMessage for wrong use, and what Client raises."""
    message = _message(config, arguments)
    with Client.of(config) as client:
        reply = send(client, message, arguments.wait, SystemClock())
    return _show(reply, arguments)


def send(client: Client, message: Message, wait_s: float, clock: Clock) -> dict[str, Any]:
    """The reply to `message`, or where it stands after `wait_s` seconds: `{"id", "status", …}`.

    Whoever ends the wait by Ctrl-C is told that this does not end the message.
    """
    message_id = message.id or secrets.token_hex(8)
    try:
        return _exchange(client, message.with_id(message_id), wait_s, clock)
    except KeyboardInterrupt:
        print(
            f"\nopenclaw: no longer waited for; the message {message_id} goes on, and its reply comes to"
            f" ipc/outbox/{message_id}.json (DELETE /messages/{message_id} cancels it)",
            file=sys.stderr,
        )
        raise


def _exchange(client: Client, message: Message, wait_s: float, clock: Clock) -> dict[str, Any]:
    deadline = clock.monotonic() + wait_s
    message_id = message.id
    try:
        state = client.post("/messages", message.to_json(), wait_s=min(wait_s, CALL_WAIT_S))
    except CallLost as lost:
        raise CallLost(
            f"{lost}\nThe message {message_id} may have been accepted: GET /messages/{message_id} tells,"
            f" and the same `openclaw send --id {message_id} …` sends it only if it was not."
        ) from None
    while state["status"] not in _FINAL and (left := deadline - clock.monotonic()) > 0:
        try:
            state = client.get(f"/messages/{message_id}", wait_s=min(left, CALL_WAIT_S))
        except ServiceDown as down:
            raise ServiceDown(
                f"{down}\nThe message {message_id} is kept; it is answered once the service runs."
            ) from None
    return state


def _message(config: Config, arguments: argparse.Namespace) -> Message:
    given = {key: getattr(arguments, key) for key in ("id", "group", "session", "priority")}
    text = _read_stdin() if arguments.text == "-" else arguments.text
    message = Message.from_json({"text": text, **{key: value for key, value in given.items() if value is not None}})
    if not arguments.file:
        return message
    attached = _attached(config.home / "groups" / message.group, arguments.file)
    return Message.from_json({**message.to_json(), "attachments": attached})


def _attached(folder: Path, files: list[Path]) -> list[str]:
    """The files by their paths within the group's `folder`, which is all that its agent sees. Raises InvalidMessage."""
    home = folder.resolve()
    for file in files:
        if not file.exists():
            raise InvalidMessage(f"{file} is not there")
        if not file.resolve().is_relative_to(home):
            raise InvalidMessage(f"{file} is outside {folder}, where the agent could not read it: copy it there first")
    return [str(file.resolve().relative_to(home)) for file in files]


def _read_stdin() -> str:
    data = sys.stdin.buffer.read(MAX_TEXT + 1)
    if len(data) > MAX_TEXT:
        raise InvalidMessage(f"the text on standard input is longer than {MAX_TEXT} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InvalidMessage(f"the text on standard input is not UTF-8 at byte {error.start}") from None


def _show(reply: dict[str, Any], arguments: argparse.Namespace) -> int:
    """Print the reply, or what became of it; the exit code."""
    status = reply["status"]
    if arguments.json:
        print(json.dumps(reply))
    elif status == "done":
        print(printable(reply["text"]))
    elif status not in _FINAL and not arguments.wait:
        print(reply["id"])
    if status == "done":
        return 0
    if status in _FINAL:
        print(f"openclaw: {status}: {printable(reply.get('error') or 'no reason given')}", file=sys.stderr)
        return 1
    if not arguments.wait:
        return 0
    print(
        f"openclaw: no reply to {reply['id']} within {arguments.wait:g} s; it comes to ipc/outbox/{reply['id']}.json",
        file=sys.stderr,
    )
    return 1
