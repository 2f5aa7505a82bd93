"""What a turn leaves to its session: its messages as a later turn may show them to the model. Pure functions.

Thoughts are left out: their signatures hold for one model only, and the API passes over those of earlier turns.
"""

from __future__ import annotations

from typing import Any, Final

from openclaw.message.record import MAX_MESSAGES, MAX_RECORD, size

GONE: Final = "(Not kept: it was too long.)"
_KINDS = ("text", "tool_use", "tool_result")
_SHORT = 4000  # characters of the first and the last words, where nothing else of a turn can be kept

Message = dict[str, Any]


def leftover(messages: list[Message], end: str) -> list[Message]:
    """The messages, made whole where the turn broke off: `end` says how, and is empty where it did not.

    Empty where the turn is to leave nothing.
    """
    if not messages:
        return []
    kept = [message for one in messages if (message := _kept(one))["content"]]
    _answer_uses(kept, end)
    if kept[-1]["role"] == "user" or end:
        _add_words(kept, end or "(No answer.)")
    if len(kept) > MAX_MESSAGES or size(kept) > MAX_RECORD:
        kept = _shortened(kept)
    return kept


def _kept(message: Message) -> Message:
    return {"role": message["role"], "content": [one for one in message["content"] if one.get("type") in _KINDS]}


def _answer_uses(messages: list[Message], end: str) -> None:
    """A use of a tool whose result never came: the API wants one for each."""
    uses = [one for one in messages[-1]["content"] if one["type"] == "tool_use"]
    if uses:
        content = [_result(use["id"], end or "(No result.)") for use in uses]
        messages.append({"role": "user", "content": content})


def _result(use_id: str, text: str) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": use_id, "content": text, "is_error": True}


def _add_words(messages: list[Message], words: str) -> None:
    """The last word is the assistant's."""
    block = {"type": "text", "text": words}
    if messages[-1]["role"] == "assistant":
        messages[-1]["content"].append(block)
    else:
        messages.append({"role": "assistant", "content": [block]})


def _shortened(messages: list[Message]) -> list[Message]:
    """What is left when a turn is more than a session keeps: without results, or only its first and last words."""
    if len(messages) <= MAX_MESSAGES:
        bare = [{**message, "content": [_bare(block) for block in message["content"]]} for message in messages]
        if size(bare) <= MAX_RECORD:
            return bare
    first, last = _words(messages[0]), _words(messages[-1])
    return [
        {"role": "user", "content": first[:_SHORT] or GONE},
        {"role": "assistant", "content": f"{GONE}\n{last[-_SHORT:]}"},
    ]


def _bare(block: dict[str, Any]) -> dict[str, Any]:
    return {**block, "content": GONE} if block["type"] == "tool_result" else block


def _words(message: Message) -> str:
    return "\n".join(str(block["text"]) for block in message["content"] if block["type"] == "text")
