"""The commands of a conversation: lines that begin with a slash and are not for the agent.

Belongs to the main thread. A line that begins with two slashes is sent with one; a command that is not known here is
the agent's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from openclaw.cli import agents, status, subagents
from openclaw.cli.chat.conversation import Conversation
from openclaw.cli.chat.follower import Connect
from openclaw.cli.chat.turn import Interrupt
from openclaw.cli.terminal import printable
from openclaw.errors import OpenClawError
from openclaw.message import is_id


class Command(NamedTuple):
    """One command: what follows it, what it does in a few words, and how; True where that went well."""

    arguments: str
    does: str
    run: Callable[[Commands, str], bool]


class Commands:
    """`say(text)` sends a message of the conversation and shows the answer. `engine` is who answers."""

    def __init__(
        self, connect: Connect, conversation: Conversation, say: Callable[[str], bool], *, engine: str
    ) -> None:
        self._connect = connect
        self._conversation = conversation
        self._say = say
        self._engine = engine

    def execute(self, line: str) -> bool:
        """Do what the line says: a command, or a message. Whether it went well. Raises EOFError for `/quit`."""
        text = line.strip()
        if not text:
            return True
        name, _, rest = text.partition(" ")
        command = COMMANDS.get(name)
        if command is None:
            return self._say(text[1:] if text.startswith("//") else line)
        try:
            return command.run(self, rest.strip())
        except Interrupt:
            raise
        except OpenClawError as error:
            self._conversation.screen.note(f"openclaw: {error}")
            return False

    def show(self, text: str) -> bool:
        self._conversation.screen.text(printable(text) + "\n")
        return True

    def help(self, _rest: str) -> bool:
        width = max(len(f"{name} {command.arguments}") for name, command in COMMANDS.items())
        lines = [f"  {f'{name} {one.arguments}':{width}}  {one.does}" for name, one in COMMANDS.items()]
        keys = (
            "A line that ends with \\ goes on in the next; //TEXT sends /TEXT to the agent.",
            "Ctrl-C cancels the turn, Ctrl-D leaves; arrow keys find what you typed before.",
        )
        return self.show("\n".join([*lines, *keys]))

    def new(self, rest: str) -> bool:
        if self._engine == "offline" and not rest:
            return self.show("The offline engine keeps nothing of a session: each message is a fresh one.")
        return self._say(f"/new {rest}".strip())

    def status(self, _rest: str) -> bool:
        with self._connect() as client:
            return self.show("\n".join(status.lines(client.get("/status"))))

    def agents(self, _rest: str) -> bool:
        with self._connect() as client:
            entries = client.get("/agents")["agents"]
        return self.show("\n".join(line for entry in entries for line in agents.lines(entry)) or "none")

    def subagents(self, _rest: str) -> bool:
        with self._connect() as client:
            entries = client.get("/subagents")["subagents"]
        return self.show("\n".join(map(subagents.line, entries)) or "none")

    def cancel(self, rest: str) -> bool:
        message_id = rest or self._conversation.last_id
        if not is_id(message_id):
            raise OpenClawError(f"/cancel takes an id, as in a1b2.s1; /subagents lists them; {rest[:80]!r} is none")
        with self._connect() as client:
            client.delete(f"/messages/{message_id}")
        return self.show(f"{message_id} is being cancelled.")

    def quit(self, _rest: str) -> bool:
        raise EOFError


COMMANDS: Final = {
    "/new": Command("[TEXT]", "begin a fresh session, with TEXT as its first message", Commands.new),
    "/status": Command("", "what runs where", Commands.status),
    "/agents": Command("", "the profiles that subagents can follow", Commands.agents),
    "/subagents": Command("", "those that run or wait", Commands.subagents),
    "/cancel": Command("[ID]", "cancel a subagent, or all that works for your last message", Commands.cancel),
    "/help": Command("", "this list", Commands.help),
    "/quit": Command("", "leave", Commands.quit),
}
