"""The two ways to hold a conversation: with a person at a terminal, and over a pipe.

Belong to the main thread, from the first line to the last.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import termios
import threading
from collections.abc import Iterator
from typing import Any

from openclaw import __version__
from openclaw.cli.chat.commands import COMMANDS, Commands
from openclaw.cli.chat.conversation import Conversation
from openclaw.cli.chat.history import FILE, History
from openclaw.cli.chat.inbox import Interrupted, Line
from openclaw.cli.chat.lines import Lines
from openclaw.cli.chat.prompt import Prompt
from openclaw.cli.chat.screen import Page, Screen, Terminal
from openclaw.cli.chat.turn import Interrupt
from openclaw.cli.client import Client
from openclaw.cli.terminal import moves
from openclaw.clock import SystemClock
from openclaw.config import Config
from openclaw.errors import InvalidMessage
from openclaw.message import Message

INTERRUPTED = 130


def with_a_person(config: Config, pattern: Message, status: dict[str, Any]) -> int:
    """Until they leave; always 0."""
    conversation = Conversation(lambda: Client.of(config), screen_of(), SystemClock(), person=True)
    commands = _commands(config, conversation, pattern, status)
    history = History(config.home / "ipc" / FILE)
    prompt = Prompt(f"{_place(pattern)}> ", list(COMMANDS), history, conversation.beside.arrived)
    conversation.inbox.wake = prompt.wake
    conversation.screen.note(
        f"openclaw {__version__}, {status.get('engine')} engine. /help lists the commands, Ctrl-D leaves."
    )
    if history.problem:
        conversation.screen.note(f"openclaw: {history.problem}")
    with contextlib.suppress(EOFError):
        while True:
            try:
                line = prompt.read()
            except KeyboardInterrupt:
                conversation.screen.note("\nCtrl-D leaves, and so does /quit.")
                continue
            except EOFError:
                print()
                raise
            with silent(), interrupts_told(conversation):
                commands.execute(line)
    conversation.beside.close()
    return 0


def over_a_pipe(config: Config, pattern: Message, status: dict[str, Any]) -> int:
    """Until the input ends and every reply is there; 1 where a message was not answered."""
    conversation = Conversation(lambda: Client.of(config), Page(sys.stdout, sys.stderr), SystemClock(), person=False)
    commands = _commands(config, conversation, pattern, status)
    lines = Lines(sys.stdin.fileno(), conversation.inbox)
    well = True
    with interrupts_told(conversation):
        try:
            while (line := _next(lines, conversation)) is not None:
                well &= commands.execute(line)
            while conversation.beside.expected:
                _wait(conversation)
        except EOFError:  # /quit
            pass
        except Interrupt:
            return INTERRUPTED
    if lines.problem is not None:
        raise lines.problem
    return 0 if well else 1


def screen_of() -> Screen:
    """What standard output is."""
    return Terminal(sys.stdout) if moves(sys.stdout) else Page(sys.stdout, sys.stdout)


def leave_tidily() -> None:
    """Have SIGTERM and SIGHUP leave the terminal as it is found now. Before any thread is made.

    A thread waits for them: a handler could come too late for a main thread that waits for a key.
    """
    numbers = {number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) == signal.SIG_DFL}
    try:
        before = termios.tcgetattr(sys.stdin)
    except termios.error:
        return  # there is none, and they end the process by themselves
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    threading.Thread(target=_leave, args=(numbers, before), name="signals", daemon=True).start()


def _leave(numbers: set[signal.Signals], before: list[Any]) -> None:
    number = signal.sigwait(numbers)
    with contextlib.suppress(termios.error):  # it is gone
        termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
    os._exit(128 + number)


@contextlib.contextmanager
def interrupts_told(conversation: Conversation) -> Iterator[None]:
    """Ctrl-C is told to the conversation, which decides what it means, and breaks off nothing by itself."""
    before = signal.signal(signal.SIGINT, lambda *_: conversation.inbox.put_now(Interrupted()))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _commands(config: Config, conversation: Conversation, pattern: Message, status: dict[str, Any]) -> Commands:
    def say(text: str) -> bool:
        try:
            return conversation.say(Message.from_json({**pattern.to_json(), "text": text}))
        except InvalidMessage as invalid:
            conversation.screen.note(f"openclaw: {invalid}")
            return False

    return Commands(lambda: Client.of(config), conversation, say, engine=str(status.get("engine")))


def _next(lines: Lines, conversation: Conversation) -> str | None:
    """The next line, None at the end; what comes meanwhile is shown as it comes."""
    lines.ask()
    while True:
        update = _wait(conversation)
        if isinstance(update, Line):
            return update.text


def _wait(conversation: Conversation) -> Line | None:
    """One update: a line, or something that is shown here. Raises Interrupt."""
    conversation.show_arrived()
    update = conversation.inbox.get()
    if isinstance(update, Interrupted):
        raise Interrupt("interrupted")
    if isinstance(update, Line):
        return update
    if update is not None:
        conversation.beside.keep(update)
        conversation.show_arrived()
    return None


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """What is typed while a turn is answered is not drawn into it; it is in the next line that is read."""
    try:
        before = termios.tcgetattr(sys.stdin)
    except termios.error:
        yield
        return
    silent = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    termios.tcsetattr(sys.stdin, termios.TCSADRAIN, silent)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _place(pattern: Message) -> str:
    return pattern.group if pattern.session == "default" else f"{pattern.group}/{pattern.session}"
