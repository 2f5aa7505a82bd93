"""Answer: what the model says to one request, put together from the events of its stream.

`Assembler` belongs to one call, and tells each piece of text as it comes. What the stream says out of turn, or too
much of, is refused with Cut; kinds of events and deltas that are not known here are passed over, as the API asks.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from agent_runner.engines.messages.failures import FRESH, Busy, CallFailed, Cut, Refused, TooLong, is_too_long
from openclaw.errors import InvalidMessage
from openclaw.message import load_object

MAX_CONTENT: Final = 4 * 1024 * 1024
"""Characters of one answer, thoughts and arguments included."""

MAX_BLOCKS: Final = 500
"""Pieces of one answer: texts, thoughts, uses of tools."""

MAX_ARGUMENT_DEPTH: Final = 16
"""Levels to which a tool's arguments are nested; what carries them to the host takes 32 in all."""

_KINDS = ("content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop")

_FILLING = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")
"""What of the usage fills the window."""

Block = dict[str, Any]


class Use(NamedTuple):
    """A tool that the model wants to be used. `trouble` says why the arguments cannot be read; empty where they can."""

    id: str
    name: str
    arguments: dict[str, Any]
    trouble: str = ""


class Answer(NamedTuple):
    """One answer, whole. `filled`: tokens of the window that question and answer take, 0 where that was not told."""

    content: list[Block]
    uses: list[Use]
    stop_reason: str
    filled: int


class Assembler:
    """Takes events; `answer` is there once the last has come. `say` is told each piece of text."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._begun = False
        self._blocks: dict[int, _Open] = {}
        self._stop_reason = ""
        self._usage = dict.fromkeys(_FILLING, 0)
        self._characters = 0
        self.answer: Answer | None = None

    def add(self, event: dict[str, Any]) -> None:
        """Take in the next event. Raises CallFailed, also where the event says that the call has failed."""
        kind = event.get("type")
        if kind == "error" or (kind is None and event.get("error")):  # as servers do that speak several APIs
            raise stream_error(event.get("error"))
        if kind == "message_start":
            self._begin(event)
        elif kind in _KINDS:
            if not self._begun:
                raise Cut(f"the model's API sent {kind} before message_start")
            self._go_on(str(kind), event)

    def _begin(self, event: dict[str, Any]) -> None:
        message = event.get("message")
        if self._begun or not isinstance(message, dict):
            raise Cut("the model's API sent a message_start that is none")
        self._begun = True
        self._count(message.get("usage"))

    def _go_on(self, kind: str, event: dict[str, Any]) -> None:
        if kind == "message_delta":
            delta = event.get("delta")
            reason = delta.get("stop_reason") if isinstance(delta, dict) else None
            self._stop_reason = str(reason or self._stop_reason)
            self._count(event.get("usage"))
        elif kind == "message_stop":
            self.answer = self._finish()
        elif kind == "content_block_start":
            self._open(event)
        else:
            block = self._blocks.get(_index(event))
            if block is None or block.closed:
                raise Cut(f"the model's API sent {kind} for a block that is not open")
            if kind == "content_block_stop":
                block.closed = True
            else:
                self._grow(block, event.get("delta"))

    def _open(self, event: dict[str, Any]) -> None:
        index, content = _index(event), event.get("content_block")
        if index in self._blocks or not isinstance(content, dict) or not isinstance(content.get("type"), str):
            raise Cut("the model's API sent a content_block_start that is none")
        if len(self._blocks) >= MAX_BLOCKS:
            raise Cut(f"the model's answer has more than {MAX_BLOCKS} pieces")
        block = self._blocks[index] = _Open(content)
        self._measure(len(json.dumps(content)))
        if content["type"] == "text":
            self._text(block, content.get("text") or "")

    def _grow(self, block: _Open, delta: object) -> None:
        if not isinstance(delta, dict):
            raise Cut("the model's API sent a content_block_delta that is none")
        match delta.get("type"):
            case "text_delta":
                self._text(block, delta.get("text"))
            case "input_json_delta":
                self._piece(block, "input", delta.get("partial_json"))
            case "thinking_delta":
                self._piece(block, "thinking", delta.get("thinking"))
            case "signature_delta":
                self._piece(block, "signature", delta.get("signature"))

    def _text(self, block: _Open, text: object) -> None:
        self._piece(block, "text", text)
        if text:
            self._say(str(text))

    def _piece(self, block: _Open, key: str, piece: object) -> None:
        if not isinstance(piece, str):
            raise Cut(f"the model's API sent a piece of {key} that is no text")
        self._measure(len(piece))
        block.pieces.setdefault(key, []).append(piece)

    def _measure(self, characters: int) -> None:
        self._characters += characters
        if self._characters > MAX_CONTENT:
            raise Cut(f"the model's answer has more than {MAX_CONTENT} characters")

    def _count(self, usage: object) -> None:
        """The larger number of each kind: there are servers that count in the first event only, or in the last."""
        if isinstance(usage, dict):
            told = {key: usage.get(key) for key in _FILLING}
            counted = {key: number for key, number in told.items() if isinstance(number, int)}
            self._usage = {key: max(number, counted.get(key, 0)) for key, number in self._usage.items()}

    def _finish(self) -> Answer:
        if any(not block.closed for block in self._blocks.values()):
            raise Cut("the model's API ended its answer within a block")
        blocks = [self._blocks[index] for index in sorted(self._blocks)]
        uses: list[Use] = []
        content = [block.whole(uses) for block in blocks]
        return Answer(content, uses, self._stop_reason, sum(self._usage.values()))


class _Open:
    """A block that is being received."""

    def __init__(self, content: Block) -> None:
        self.content = content
        self.pieces: dict[str, list[str]] = {}
        self.closed = False

    def whole(self, uses: list[Use]) -> Block:
        """The block as it goes back to the API; a tool's use is added to `uses`."""
        kind = self.content["type"]
        texts = {key: "".join(pieces) for key, pieces in self.pieces.items()}
        if kind == "tool_use":
            use = self._use(texts.get("input", ""), {use.id for use in uses}, len(uses))
            uses.append(use)
            return {"type": "tool_use", "id": use.id, "name": use.name, "input": use.arguments}
        if "input" in texts:  # of a tool that the API itself has used
            use = self._use(texts.pop("input"), set(), 0)
            return {**self.content, **texts, "input": use.arguments}
        if kind == "thinking":
            for key, text in texts.items():
                texts[key] = f"{self.content.get(key) or ''}{text}"
        return {**self.content, **texts}

    def _use(self, text: str, taken: set[str], number: int) -> Use:
        given = self.content.get("id")
        use_id = given if isinstance(given, str) and given and given not in taken else f"use_{number}_{given or ''}"
        name, arguments = self.content.get("name"), self.content.get("input")
        trouble = ""
        if text:
            try:
                arguments = load_object(text.encode())
            except InvalidMessage as error:
                arguments, trouble = {}, str(error)
        if not isinstance(arguments, dict):
            arguments, trouble = {}, trouble or "they must be one object"
        if not _within(arguments, MAX_ARGUMENT_DEPTH):
            arguments, trouble = {}, f"they are nested deeper than {MAX_ARGUMENT_DEPTH} levels"
        return Use(use_id, name if isinstance(name, str) else "", arguments, trouble)


def stream_error(error: object) -> CallFailed:
    """What an error in place of an answer, or in the middle of one, means."""
    if not isinstance(error, dict):
        error = {"type": "error", "message": error}
    kind, message = str(error.get("type") or "error"), str(error.get("message") or "")
    said = " ".join(f"{kind}: {message}".split())[:300]
    if kind in ("overloaded_error", "api_error", "rate_limit_error", "timeout_error"):
        return Busy(f"the model's API failed in the middle of the answer ({said})")
    if is_too_long(message):
        return TooLong(f"the conversation is longer than the model takes ({said}): {FRESH}")
    return Refused(f"the model's API gave up in the middle of the answer ({said})")


def _index(event: dict[str, Any]) -> int:
    index = event.get("index")
    if not isinstance(index, int) or isinstance(index, bool) or index < 0:
        raise Cut("the model's API sent a block without its index")
    return index


def _within(value: object, depth: int) -> bool:
    if not isinstance(value, (dict, list)):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return depth > 0 and all(_within(one, depth - 1) for one in inner)
