"""Profile: what an agent is told to be, and what it may use. Made of a file's text; pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from openclaw.errors import InvalidProfile
from openclaw.message.names import RULE, is_name
from openclaw.profiles.frontmatter import Malformed, Nested, Value, split

ALL_TOOLS: Final = "*"

MAX_DESCRIPTION: Final = 20_000
"""Characters."""

_MEMORIES: Final = ("project", "user", "local")
"""Where Claude Code keeps what an agent remembers. Here there is one place for it, in the group's folder."""

_UNUSED: Final = (
    *("permissionMode", "maxTurns", "skills", "mcpServers", "hooks"),
    *("background", "effort", "isolation", "initialPrompt"),
)
"""Keys of Claude Code's that mean nothing here: a container holds the agent instead, and it has no user to ask."""

_TOOL: Final = r"[A-Za-z][A-Za-z0-9_-]{0,127}|\*"
_MODEL: Final = r"[!-~]{1,200}"


@dataclass(frozen=True, slots=True)
class Profile:
    """One agent. Its instructions are `body`."""

    name: str
    description: str
    body: str
    tools: tuple[str, ...] = (ALL_TOOLS,)
    """The names of those that it may use, or ALL_TOOLS."""
    denied: tuple[str, ...] = ()
    """Of these it has none all the same."""
    model: str = ""
    """The model's name, or what Claude Code calls it (sonnet, opus, haiku); empty: as everybody."""
    memory: str = ""
    """Where Claude Code would keep what it remembers; empty: it remembers nothing."""
    color: str = ""
    unused: tuple[str, ...] = ()
    """Keys that mean nothing here."""

    @classmethod
    def parse(cls, text: str, name: str, shown: str) -> Profile:
        """The profile NAME, whose file is called `shown`. Raises InvalidProfile, which says what to do and where."""
        try:
            keys, body = split(text)
            used = [key for key, value in keys.items() if _is_used(key, value)]
            fields = {_FIELDS[key]: _CHECKS[key](_expected(key, keys[key])) for key in used}
            if missing := [key for key in ("name", "description") if key not in fields]:
                raise Malformed(1, f"{missing[0]!r} is missing: every profile has a name and a description")
            if fields["name"] != name:
                why = f"the name is {fields['name']!r} and the file is {name}.md: give both the same"
                raise Malformed(keys["name"].line, why)
            if not body:
                why = "nothing stands below the frontmatter: say there who the agent is"
                raise Malformed(len(text.splitlines()), why)
        except Malformed as wrong:
            raise InvalidProfile(f"{shown}, line {wrong.line}: {wrong}") from None
        return cls(body=body, unused=tuple(key for key in keys if key in _UNUSED), **fields)

    def may_use(self, tool: str) -> bool:
        """Whether the profile allows a tool; where the agent works there may be none of that name."""
        return (ALL_TOOLS in self.tools or tool in self.tools) and tool not in self.denied


def _is_used(key: str, value: Value) -> bool:
    """Whether a key has a meaning here. Raises Malformed where it has none anywhere."""
    if key not in _CHECKS and key not in _UNUSED:
        raise Malformed(value.line, f"there is no key {key!r}; a profile has {', '.join(_CHECKS)}")
    return key in _CHECKS


def _expected(key: str, value: Value) -> Value:
    if isinstance(value.is_, Nested) or (isinstance(value.is_, list) and _CHECKS[key] is not _tools):
        raise Malformed(value.line, f"{key!r} takes {'names' if _CHECKS[key] is _tools else 'a text'}")
    return value


def _name(value: Value) -> str:
    if not is_name(value.is_):
        raise Malformed(value.line, f"'name' takes {RULE}")
    return str(value.is_)


def _description(value: Value) -> str:
    if not str(value.is_).strip() or len(str(value.is_)) > MAX_DESCRIPTION:
        raise Malformed(value.line, "'description' says when to use the agent, in at most "
                                    f"{MAX_DESCRIPTION} characters")  # fmt: skip
    return str(value.is_)


def _tools(value: Value) -> tuple[str, ...]:
    names = value.is_ if isinstance(value.is_, list) else re.split(r",\s*(?![^(]*\))", str(value.is_).strip())
    for name in names:
        if "(" in name:
            why = f"{name[:60]!r} allows some uses of a tool only, which cannot be held here: "
            raise Malformed(value.line, f"{why}name the tool, or leave it out")
        if re.fullmatch(_TOOL, name) is None:
            why = "takes names with commas between them, as in Read, Grep; without the line an agent has every tool"
            raise Malformed(value.line, why)
    return tuple(dict.fromkeys(names))


def _model(value: Value) -> str:
    if not re.fullmatch(_MODEL, str(value.is_)):
        raise Malformed(value.line, "'model' takes sonnet, opus, haiku, inherit or the name of a model")
    return "" if value.is_ == "inherit" else str(value.is_)


def _memory(value: Value) -> str:
    if value.is_ not in _MEMORIES:
        raise Malformed(value.line, f"'memory' takes {', '.join(_MEMORIES)}; without the line an agent keeps nothing")
    return str(value.is_)


def _color(value: Value) -> str:
    return str(value.is_)[:40]


_CHECKS: Final[dict[str, Callable[[Value], Any]]] = {
    "name": _name,
    "description": _description,
    "tools": _tools,
    "disallowedTools": _tools,
    "model": _model,
    "memory": _memory,
    "color": _color,
}
_FIELDS: Final = {key: {"disallowedTools": "denied"}.get(key, key) for key in _CHECKS}
