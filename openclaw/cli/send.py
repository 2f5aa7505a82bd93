"""`openclaw send`: one message, and its reply on standard output: as it grows on a terminal, else when it is whole.

Runs on the main thread. The wait for the reply is cut into calls of at most CALL_WAIT_S, so that a service that
went away is noticed and no call hangs for long. The id is chosen here, so that a message whose acceptance nobody heard
of can be asked after, and sent again without becoming two.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from openclaw.cli.attach import Attached, attach, detach
from openclaw.cli.client import CallLost, CallRefused, Client, ServiceDown
from openclaw.cli.terminal import moves, printable
from openclaw.clock import Clock, SystemClock
from openclaw.config import Config
from openclaw.errors import InvalidMessage, OpenClawError
from openclaw.message import Message

CALL_WAIT_S = 60.0
DEFAULT_WAIT_S = 300.0
INTERRUPTED = 130
MAX_TEXT = 256 * 1024
_FINAL = ("done", "failed", "cancelled")


class Told(CallRefused):
    """A refusal of which the screen has told already."""


def run(config: Config, arguments: argparse.Namespace) -> int:
    """Send the message that `arguments` describe. Raises InvalidMessage for wrong use, and what Client raises."""
    message = _message(arguments)
    try:
        return _run(config, arguments, message)
    except Told:
        return 1


def _run(config: Config, arguments: argparse.Namespace, message: Message) -> int:
    streams = not arguments.json and arguments.wait is None and moves(sys.stdout)
    with Client.of(config) as client:
        if streams:
            client.get("/healthz")  # where no service is, that is said at once
        with _attached(config, client, message, arguments.file or []) as whole:
            if streams:
                return _stream(config, whole)
            wait_s = DEFAULT_WAIT_S if arguments.wait is None else arguments.wait
            reply = send(client, whole, wait_s, SystemClock())
    return _show(reply, arguments, wait_s)


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


@contextmanager
def _attached(config: Config, client: Client, message: Message, paths: Sequence[Path]) -> Iterator[Message]:
    """The message, which names these files, copied where need be.

    Copies stay where it was accepted, or may have been; a call that Ctrl-C breaks off may have been taken, too.
    """
    if not paths:
        yield message
        return
    client.get(f"/groups/{message.group}")  # raises where there is none
    home = client.get("/status").get("home")
    if home != str(config.home):
        raise OpenClawError(f"the service that answers has another home, {home}: set OPENCLAW_HOME to it")
    folder = config.home / "groups" / message.group
    attached: list[Attached] = []
    try:
        for path in paths:
            attached.append(attach(path, folder))
    except BaseException:  # passed on: no message names them, whatever it was
        _detach(attached, folder)
        raise
    try:
        yield replace(message, attachments=tuple(one.name for one in attached))
    except (CallRefused, InvalidMessage):
        _detach(attached, folder)
        raise


def _detach(attached: Sequence[Attached], folder: Path) -> None:
    for one in attached:
        detach(one, folder)


def _stream(config: Config, message: Message) -> int:
    """Show the reply as it grows. Ctrl-C cancels the message. Raises Told where the service refuses it."""
    from openclaw.cli.chat.conversation import Conversation
    from openclaw.cli.chat.screen import Terminal
    from openclaw.cli.chat.talk import interrupts_told, leave_tidily, silent
    from openclaw.cli.chat.turn import Interrupt

    leave_tidily()
    conversation = Conversation(lambda: Client.of(config), Terminal(sys.stdout), SystemClock(), person=False)
    with silent(), interrupts_told(conversation):
        try:
            answered = conversation.say(message)
            if conversation.refused:
                raise Told("the message was refused")
            return 0 if answered else 1
        except Interrupt:
            return INTERRUPTED
        finally:
            conversation.beside.close()


def _message(arguments: argparse.Namespace) -> Message:
    given = {key: getattr(arguments, key) for key in ("id", "group", "session", "priority")}
    text = _read_stdin() if arguments.text == "-" else arguments.text
    return Message.from_json({"text": text, **{key: value for key, value in given.items() if value is not None}})


def _read_stdin() -> str:
    data = sys.stdin.buffer.read(MAX_TEXT + 1)
    if len(data) > MAX_TEXT:
        raise InvalidMessage(f"the text on standard input is longer than {MAX_TEXT} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InvalidMessage(f"the text on standard input is not UTF-8 at byte {error.start}") from None


def _show(reply: dict[str, Any], arguments: argparse.Namespace, wait_s: float) -> int:
    """Print the reply, or what became of it; the exit code."""
    status = reply["status"]
    if arguments.json:
        print(json.dumps(reply))
    elif status == "done":
        print(printable(reply["text"]))
    elif status not in _FINAL and not wait_s:
        print(reply["id"])
    if status == "done":
        return 0
    if status in _FINAL:
        print(f"openclaw: {status}: {printable(reply.get('error') or 'no reason given')}", file=sys.stderr)
        return 1
    if not wait_s:
        return 0
    print(
        f"openclaw: no reply to {reply['id']} within {wait_s:g} s; it comes to ipc/outbox/{reply['id']}.json",
        file=sys.stderr,
    )
    return 1
