"""Globs: file name patterns as shells and ripgrep know them, matched a folder at a time.

`*` and `?` match within a name, `[a-c]` and `[!a-c]` one character, `{a,b}` either, `**` any number of folders. Hidden
names match too. Nobody enters the folders of version control unless the pattern names them.

A pattern is matched name by name on the way down, so that folders in which nothing can match are not entered; each
name is matched in time that grows with its length only (fnmatch.translate makes such expressions). Values without
state; any thread.
"""

from __future__ import annotations

import fnmatch
import re
from typing import Final

from agent_runner.tools.tool import ToolFailed

MAX_PATTERN: Final = 1000
MAX_CHOICES: Final = 64
"""Patterns that one with braces stands for."""

VERSION_CONTROL: Final = frozenset({".git", ".hg", ".svn", ".bzr", ".jj", ".sl"})

_WILD: Final = re.compile(r"[*?[{]")
_BRACES: Final = re.compile(r"\{([^{}]*,[^{}]*)\}")

Progress = frozenset[tuple[int, int]]
"""How far a path has matched: (which pattern, how many of its parts)."""


class Globs:
    """One or more patterns, relative to the folder in which the search begins. Raises ToolFailed for what is none."""

    def __init__(self, *patterns: str) -> None:
        self._choices = [_parts(choice) for pattern in patterns for choice in _expanded(pattern)]
        self._names = {part: _compiled(part) for choice in self._choices for part in choice if part != "**"}

    def begin(self) -> Progress:
        """The progress before the first name."""
        return self._closed({(choice, 0) for choice in range(len(self._choices))})

    def step(self, progress: Progress, name: str) -> Progress:
        """The progress after a further name; empty where nothing below it can match."""
        after = set()
        for choice, place in progress:
            parts = self._choices[choice]
            if place == len(parts):
                continue
            if parts[place] == "**":
                if name not in VERSION_CONTROL:
                    after.add((choice, place))
            elif name == parts[place] or (name not in VERSION_CONTROL and self._names[parts[place]].match(name)):
                after.add((choice, place + 1))
        return self._closed(after)

    def matched(self, progress: Progress) -> bool:
        """Whether the path so far matches as a whole."""
        return any(place == len(self._choices[choice]) for choice, place in progress)

    def _closed(self, progress: set[tuple[int, int]]) -> Progress:
        """With what is reached by letting `**` stand for nothing."""
        reached = list(progress)
        for choice, place in reached:
            parts = self._choices[choice]
            if place < len(parts) and parts[place] == "**":
                reached.append((choice, place + 1))
        return frozenset(reached)


def split_base(pattern: str) -> tuple[str, str]:
    """The folder that a pattern names before its first wildcard, with its slash, and the pattern below it."""
    wild = _WILD.search(pattern)
    cut = pattern.rfind("/", 0, wild.start() if wild else len(pattern)) + 1
    return pattern[:cut], pattern[cut:]


def anywhere(pattern: str) -> str:
    """A pattern as ripgrep's --glob takes it: without a slash it is about names, in whichever folder."""
    whole = "/" in pattern.rstrip("/") or not pattern
    return pattern.lstrip("/") if whole else f"**/{pattern}"


def _parts(pattern: str) -> tuple[str, ...]:
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    if not parts:
        raise ToolFailed("the pattern is empty; it is like **/*.py")
    if parts[-1] == "**":
        parts.append("*")  # what is below, not the folder itself
    return tuple(part for place, part in enumerate(parts) if part != "**" or parts[place + 1] != "**")


def _expanded(pattern: str) -> list[str]:
    """The patterns that one with braces stands for."""
    if len(pattern) > MAX_PATTERN:
        raise ToolFailed(f"a pattern has at most {MAX_PATTERN} characters")
    done: list[str] = []
    waiting = [pattern]
    while waiting:
        if len(done) + len(waiting) > MAX_CHOICES:
            raise ToolFailed(f"the braces stand for more than {MAX_CHOICES} patterns; ask with fewer")
        first = waiting.pop()
        braces = _BRACES.search(first)
        if braces is None:
            done.append(first)
        else:
            waiting += [first[: braces.start()] + one + first[braces.end() :] for one in braces[1].split(",")]
    return done


def _compiled(part: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(part.replace("[^", "[!")))
