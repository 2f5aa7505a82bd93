"""What somebody asks for: a task's keys, checked one by one. Pure; what agents and people write is not trusted."""

from __future__ import annotations

from typing import Any, Final, get_args

from openclaw.errors import InvalidTask
from openclaw.message import is_name
from openclaw.message.names import RULE
from openclaw.schedule.task import Context, Missed
from openclaw.schedule.timing import Kind

MAX_PROMPT: Final = 16 * 1024
"""Bytes of a prompt."""

MAX_VALUE: Final = 200
MAX_ZONE: Final = 80

CHANGEABLE: Final = ("prompt", "schedule_type", "schedule_value", "timezone", "context_mode", "missed")
KEYS: Final = (*CHANGEABLE, "group", "session")
NEEDED: Final = ("prompt", "schedule_type", "schedule_value")

_WORDS: Final = {"schedule_type": get_args(Kind), "context_mode": get_args(Context), "missed": get_args(Missed)}


def check(given: dict[str, Any], known: tuple[str, ...], needed: tuple[str, ...] = ()) -> dict[str, str]:
    """`given`, of which every key is known and every value fit. Raises InvalidTask, which says what is taken."""
    for key, value in given.items():
        if key not in known:
            raise InvalidTask(f"a task has no {str(key)[:80]!r} here; it takes {', '.join(known)}")
        if not isinstance(value, str):
            raise InvalidTask(f'"{key}" must be a string')
    for key in needed:
        if not given.get(key, "").strip():
            raise InvalidTask(f'a task needs "{key}"; it takes {", ".join(known)}')
    for key, value in given.items():
        _CHECKS[key](key, value)
    return given


def _prompt(_key: str, value: str) -> None:
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise InvalidTask('"prompt" has half of a surrogate pair; leave it out') from None
    if not value.strip() or size > MAX_PROMPT:
        what = f"what is asked each time, at most {MAX_PROMPT} bytes, not {size}"
        raise InvalidTask(f'"prompt" is {what}; put the rest into a file of the group')


def _word(key: str, value: str) -> None:
    if value not in _WORDS[key]:
        raise InvalidTask(f'"{key}" is one of {", ".join(_WORDS[key])}, not {value[:40]!r}')


def _name(key: str, value: str) -> None:
    if not is_name(value):
        raise InvalidTask(f'"{key}" must be {RULE}')


def _short(limit: int) -> Any:
    def checked(key: str, value: str) -> None:
        if len(value) > limit or not value.isprintable():
            raise InvalidTask(f'"{key}" takes at most {limit} printable characters on one line')

    return checked


_CHECKS: Final = {
    "prompt": _prompt,
    "schedule_type": _word,
    "schedule_value": _short(MAX_VALUE),
    "timezone": _short(MAX_ZONE),
    "context_mode": _word,
    "missed": _word,
    "group": _name,
    "session": _name,
}
