"""Signs in a text that heavy or risky work is asked for: the list of the hybrid's design.

Used on the host to label a log line and in the container by the offline engine; a model decides for itself.
"""

from __future__ import annotations

import re

LONG_PROMPT = 2000
"""Characters beyond which a prompt alone counts as complex."""

_SIGNALS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "file modifications across several files",
        re.compile(
            r"\b(edit|write|modify|refactor|rename|move|delete|update|create|rewrite|fix)\b.{0,60}"
            r"\b(files|modules|folders|directories|components|codebase|project|repo(sitory)?)\b",
            re.I | re.S,
        ),
    ),
    (
        "code execution",
        re.compile(r"\b(run|execute|compile|benchmark)\b.{0,40}\b(code|scripts?|program|tests?|command|suite)\b", re.I | re.S),
    ),
    (
        "git changes",
        re.compile(r"\bgit\b.{0,20}\b(commit|push|merge|rebase|reset|revert|tag)\b|\b(commit|push|merge|rebase)\b.{0,40}\b(branch|changes|repo(sitory)?)\b", re.I | re.S),
    ),
    (
        "database changes",
        re.compile(r"\b(migrate|drop|alter|truncate|insert|delete|update)\b.{0,40}\b(database|table|schema|rows?)\b", re.I | re.S),
    ),
    ("parallel work", re.compile(r"\b(in parallel|simultaneously|concurrently|side by side)\b", re.I)),
    (
        "memory-intensive work",
        re.compile(r"\b(memory[- ]intensive|large (data ?set|file|log)s?|gigabytes?|whole (data ?set|archive))\b", re.I),
    ),
)


def complexity_signals(text: str) -> list[str]:
    """What in `text` asks for a container of its own, in words for a log line; empty for a simple query."""
    head = text[: 2 * LONG_PROMPT]
    found = [reason for reason, pattern in _SIGNALS if pattern.search(head)]
    if len(text) > LONG_PROMPT:
        found.append(f"a prompt of {len(text)} characters")
    return found
