"""What the stand-in for the Messages API answers: whole messages, their streams, and all that goes wrong.

The shapes are those of https://platform.claude.com/docs/en/api/messages and …/build-with-claude/streaming.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

_ids = itertools.count(1)

Event = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Text:
    """Streamed word by word."""

    text: str

    def content(self) -> dict[str, Any]:
        return {"type": "text", "text": self.text}

    def opening(self) -> dict[str, Any]:
        return {"type": "text", "text": ""}

    def deltas(self) -> Iterator[dict[str, Any]]:
        for word in _words(self.text):
            yield {"type": "text_delta", "text": word}


@dataclass(frozen=True)
class Thinking:
    """Thoughts, and the signature without which the API does not take them back."""

    thinking: str
    signature: str = "c2lnbmVk"

    def content(self) -> dict[str, Any]:
        return {"type": "thinking", "thinking": self.thinking, "signature": self.signature}

    def opening(self) -> dict[str, Any]:
        return {"type": "thinking", "thinking": "", "signature": ""}

    def deltas(self) -> Iterator[dict[str, Any]]:
        for word in _words(self.thinking):
            yield {"type": "thinking_delta", "thinking": word}
        yield {"type": "signature_delta", "signature": self.signature}


@dataclass(frozen=True)
class ToolUse:
    """A call. `arguments` as a string is streamed as it stands: a model can write JSON that is none."""

    name: str
    arguments: dict[str, Any] | str = field(default_factory=dict)
    id: str = field(default_factory=lambda: f"toolu_{next(_ids):06d}")

    def content(self) -> dict[str, Any]:
        given = self.arguments if isinstance(self.arguments, dict) else {}
        return {"type": "tool_use", "id": self.id, "name": self.name, "input": given}

    def opening(self) -> dict[str, Any]:
        return {"type": "tool_use", "id": self.id, "name": self.name, "input": {}}

    def deltas(self) -> Iterator[dict[str, Any]]:
        text = self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)
        half = len(text) // 2
        for part in ("", text[:half], text[half:]):
            yield {"type": "input_json_delta", "partial_json": part}


Block = Text | Thinking | ToolUse


@dataclass(frozen=True)
class Say:
    """A message of the model's.

    `usage` replaces what is estimated. `pause(n)` is called before event n of a stream, from 0. After
    `cut_after` events the connection is cut, after `stall_after` nothing more comes, after `fail_after` an error event.
    """

    blocks: tuple[Block, ...]
    stop_reason: str = ""
    usage: dict[str, int] = field(default_factory=dict)
    pause: Callable[[int], None] | None = None
    cut_after: int | None = None
    stall_after: int | None = None
    fail_after: int | None = None

    @property
    def ends_by(self) -> str:
        calls = any(isinstance(block, ToolUse) for block in self.blocks)
        return self.stop_reason or ("tool_use" if calls else "end_turn")

    def message(self, model: str, prompt_tokens: int) -> dict[str, Any]:
        """As it is answered to a request that asks for no stream."""
        content = [block.content() for block in self.blocks]
        end = {"stop_reason": self.ends_by, "usage": self._usage(prompt_tokens)}
        return {**self._head(model), "content": content, **end}

    def events(self, model: str, prompt_tokens: int) -> Iterator[Event]:
        """As it is streamed."""
        usage = self._usage(prompt_tokens)
        yield _event("message_start", message={**self._head(model), "usage": {**usage, "output_tokens": 1}})
        for index, block in enumerate(self.blocks):
            yield _event("content_block_start", index=index, content_block=block.opening())
            if index == 0:
                yield _event("ping")
            for delta in block.deltas():
                yield _event("content_block_delta", index=index, delta=delta)
            yield _event("content_block_stop", index=index)
        end = {"stop_reason": self.ends_by, "stop_sequence": None}
        yield _event("message_delta", delta=end, usage={"output_tokens": usage["output_tokens"]})
        yield _event("message_stop")

    def _head(self, model: str) -> dict[str, Any]:
        return {
            "id": f"msg_{next(_ids):06d}",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
        }

    def _usage(self, prompt_tokens: int) -> dict[str, int]:
        return {
            "input_tokens": prompt_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": sum(1 for block in self.blocks for _ in block.deltas()),
            **self.usage,
        }


@dataclass(frozen=True)
class Fail:
    """An error in the API's form; `kind` by the status where it is empty."""

    status: int
    message: str = "no"
    retry_after: int | None = None
    kind: str = ""

    def body(self) -> dict[str, Any]:
        kind = self.kind or _KINDS.get(self.status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": self.message}}


@dataclass(frozen=True)
class Raw:
    """Bytes instead of a response, after which the connection is closed. None at all is a server that hangs up."""

    data: bytes = b""


Answer = Say | Fail | Raw


def say(*blocks: Block | str, **more: Any) -> Say:
    """A message of texts and other blocks; `more` as Say has it."""
    return Say(tuple(Text(block) if isinstance(block, str) else block for block in blocks), **more)


def redirect(to: str) -> Raw:
    """An answer that sends the caller elsewhere."""
    return Raw(f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode())


def estimate(data: bytes) -> int:
    """Tokens of a request."""
    return len(data) // 4


_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def _event(name: str, **data: Any) -> Event:
    return name, {"type": name, **data}


def _words(text: str) -> list[str]:
    return re.findall(r"\s*\S+\s*$|\s*\S+", text) or [text]
