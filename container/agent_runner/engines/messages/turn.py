"""One turn: the model is called until it has answered, its tools are used meanwhile, and what is left goes on record.

    ask ─► answer ─► tools ─► ask …        each answer by its stop_reason, see `_step`

Belongs to the thread that runs the turn. However it ends, the session is told what was said and done until then.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from agent_runner.engines import tasks
from agent_runner.engines.engine import Host, Task, TurnCancelled, TurnCut
from agent_runner.engines.messages import attachments, models, prompt
from agent_runner.engines.messages.answer import Answer
from agent_runner.engines.messages.caller import CallContext, Caller
from agent_runner.engines.messages.failures import TooLong
from agent_runner.engines.messages.history import Histories, History
from agent_runner.engines.messages.leftover import leftover
from agent_runner.engines.messages.prompt import Prompts
from agent_runner.engines.messages.room import Room
from agent_runner.engines.messages.settings import Settings
from agent_runner.engines.messages.speech import Speech
from agent_runner.engines.messages.tool_box import ToolBox, failed
from agent_runner.engines.messages.window import FULL_AT_START, Window
from agent_runner.tools import ToolUse
from openclaw.errors import CallRefused, OpenClawError
from openclaw.message import Record

if TYPE_CHECKING:
    from openclaw.profiles import Profile

MAX_CALLS: Final = 50
"""Calls of the model in one turn."""

MAX_SQUEEZES: Final = 3
"""How often room is made for one call that the API finds too long: its window may be smaller than we were told."""

MARGIN: Final = 2.0
"""Seconds before the end of its time at which a turn ends by itself, so that what was said is not lost; of a short
turn a tenth. A tool that waits for a subagent returns some seconds earlier, and its result is to be told."""

_FRESH: Final = "A fresh session begins: what was said before is kept in conversations/ and plays no part any more."
_FIRST: Final = "A fresh session begins: nothing was said in this one yet."
_BEGINS: Final = "(A fresh session begins.)"
_TASKS: Final = "/tasks"
_CUT: Final = "(The answer was cut off here: it is longer than the model may answer at once. Ask for the rest.)"
_FULL: Final = "(The answer was cut off here: the model's window is full. Send /new to begin a fresh session.)"
_REFUSED: Final = "(The model declined to go on with this. Nothing of it is kept in the session; ask in another way.)"
_GO_ON: Final = "Your answer was cut off. Go on exactly where it ended, without a word about that."
_NOT_RUN: Final = "this was not run: your answer was cut off before its end. Ask again with less, for example in parts."


class Parts(NamedTuple):
    """What the turns of an engine share."""

    settings: Settings
    caller: Caller
    tools: Callable[[Task, Profile | None], ToolBox]
    """Those that a task's model may use, with its profile, in an order that stays: the prompt is cached with them."""
    prompts: Prompts
    histories: Histories
    clock: Callable[[], float] = time.monotonic


def answer(parts: Parts, task: Task, host: Host) -> str:
    """The answer to `task`. Raises TurnCut or TurnCancelled, both with what was said until then."""
    text, new = _fresh(task)
    if new and not text:
        return _begun(parts.histories.of(task.message.session, task.message.id), host)
    if task.assignment is None and not new and text.split(maxsplit=1)[0] == _TASKS:
        return _of_tasks(text, host)
    keeps = task.assignment is None
    history = History([], notes=(_BEGINS,) if new else ())
    if keeps and not new:
        history = parts.histories.of(task.message.session, task.message.id)
    turn = _Turn(parts, task, host, history, parts.prompts.profile(task))
    end = "(The turn was cut off here.)"
    try:
        turn.begin(text)
        turn.run()
        end = ""
    except TurnCancelled:
        end = turn.broken_off("(The turn was cancelled here.)")
        raise TurnCancelled(turn.speech.text) from None
    except OpenClawError as error:
        end = turn.broken_off(f"(The turn failed here: {error})")
        raise TurnCut(str(error), turn.speech.text) from error
    finally:
        if keeps and (record := turn.left(end, new=new)) is not None:
            host.record(record)
    if task.cancel.is_set():  # too late to end it; what was said stands
        raise TurnCancelled(turn.speech.text)
    return turn.speech.text


def _fresh(task: Task) -> tuple[str, bool]:
    """What the message says, and whether it begins a fresh session: `/new`, alone or before the first message.

    It counts in capitals too, and whatever space is before it.
    """
    text = task.message.text
    word, *rest = text.split(maxsplit=1)
    if task.assignment is not None or word.lower() != "/new":
        return text, False
    return "".join(rest).strip(), True


def _begun(before: History, host: Host) -> str:
    """`/new` alone, which costs no call of the model; what there is to say of the session that ends is said."""
    said = "\n\n".join([*before.notes, _FRESH if before.turns or before.summary else _FIRST])
    host.record(Record([], new=True))
    host.delta(said)
    return said


def _of_tasks(text: str, host: Host) -> str:
    """`/tasks`, which costs no call of the model and leaves nothing to the session."""
    try:
        said = tasks.command(host, text.partition(_TASKS)[2]) or f"Use: {_TASKS} {tasks.ARGUMENTS}"
    except CallRefused as refused:
        said = f"The host refused: {refused}"
    host.delta(said)
    return said


class _Turn:
    """A turn on its way."""

    def __init__(self, parts: Parts, task: Task, host: Host, history: History, profile: Profile | None) -> None:
        self._parts = parts
        self._task = task
        self._host = host
        self._notes = history.notes
        self.speech = Speech(host.delta)
        self._tools = parts.tools(task, profile)
        settings = parts.settings
        if profile is not None:
            settings = settings._replace(model=models.chosen(profile.model, settings.model))
        writes = any(tool["name"] == "Write" for tool in self._tools.definitions)
        system = parts.prompts.system(task, profile, writes=writes)
        self.window = Window(settings, self._tools.definitions, system, history)
        deadline = parts.clock() + task.limit - min(MARGIN, task.limit / 10)
        self._use = ToolUse(host, task.cancel, deadline)
        self._context = CallContext(task.message.id, task.cancel, deadline, self.speech)
        self._room = Room(self.window, settings, parts.caller, self._context, host)
        self._joined = False  # what comes goes on with what was said
        self._was_cut = False
        self._noted = 0  # characters that were said before the model was called

    def left(self, end: str, *, new: bool) -> Record | None:
        """What the session is to keep, `end` being how the turn broke off; None where that is nothing."""
        messages = leftover(self.window.messages, end)
        if not messages and not new and self._room.summary is None:
            return None
        return Record(messages, self.window.tokens(), new, self._room.summary)

    def broken_off(self, note: str) -> str:
        """What the session is told of the end: what the model had begun to say, and the note."""
        return "\n\n".join(filter(None, [self.speech.in_call, note]))

    def begin(self, text: str) -> None:
        """Take in the message; make room where the session fills the window."""
        for note in self._notes:
            self.speech.begin(joined=False)
            self.speech.add(note)
        self._noted = len(self.speech.text)
        attached = attachments.told(self._task.message.attachments, self._parts.settings.group)
        self.window.add("user", [{"type": "text", "text": prompt.user(self._task, text, attached)}])
        if self.window.is_full(FULL_AT_START):
            self._room.summarise()

    def run(self) -> None:
        """Go on until the model has answered. Raises OpenClawError where it does not."""
        for _ in range(MAX_CALLS):
            if self._step(self._call()):
                break
        else:
            raise OpenClawError(f'stopped after {MAX_CALLS} calls of the model in one turn; say "go on" to continue')
        if not self.speech.text[self._noted :].strip():
            raise OpenClawError("the model answered nothing; send the message again, or in other words")

    def _step(self, answer: Answer) -> bool:
        """Do what follows from an answer; whether it was the last."""
        self._joined = False
        if answer.stop_reason == "refusal":
            self.window.forget()
            return self._end(_REFUSED)
        if answer.stop_reason in ("max_tokens", "model_context_window_exceeded"):
            return self._cut(answer)
        self._joined = answer.stop_reason == "pause_turn" and not answer.uses
        self._take(answer)
        self._was_cut = False
        if answer.uses:
            self.window.add("user", self._tools.run(answer.uses, self._use))
            return False
        return not self._joined

    def _cut(self, answer: Answer) -> bool:
        """An answer that was too long: it goes on once. A tool that it was to use is not run: all may not be there."""
        self._take(answer)
        if answer.uses:
            self.window.add("user", [failed(use, _NOT_RUN) for use in answer.uses])
        if answer.stop_reason != "max_tokens":
            return self._end(_FULL)
        said = any(block.get("type") in ("text", "tool_use") for block in answer.content)
        if self._was_cut or not said:
            return self._end(_CUT)
        self._was_cut = True
        if not answer.uses:
            self._joined = True
            self.window.add("user", [{"type": "text", "text": _GO_ON}])
        return False

    def _take(self, answer: Answer) -> None:
        """The answer belongs to the turn; empty texts do not, which the API takes from nobody."""
        blocks = [one for one in answer.content if one.get("type") != "text" or str(one.get("text", "")).strip()]
        if self._joined and blocks and blocks[-1].get("type") == "text":
            # The API goes on from no text that ends in space.
            blocks[-1] = {**blocks[-1], "text": blocks[-1]["text"].rstrip()}
        if blocks:
            self.window.add("assistant", blocks)
        self.window.answered(answer.filled)

    def _end(self, words: str) -> bool:
        """The turn ends with our own words."""
        self.speech.begin(joined=False)
        self.speech.add(words)
        if self.window.messages:
            self.window.add("assistant", [{"type": "text", "text": words}])
        return True

    def _call(self) -> Answer:
        if self.window.is_full():
            self._room.make()
        for _ in range(MAX_SQUEEZES):
            try:
                return self._ask()
            except TooLong:
                if self.speech.in_call or not self._room.make(all_of_them=True):
                    raise
        return self._ask()

    def _ask(self) -> Answer:
        return self._parts.caller.call(self.window.body(), self._context, joined=self._joined)
