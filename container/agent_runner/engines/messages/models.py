"""Which model an agent has whose profile names one. Pure."""

from __future__ import annotations

from typing import Final

_CLAUDE: Final = "claude"
_SHORT: Final = {"sonnet": "claude-sonnet-4-5", "opus": "claude-opus-4-5", "haiku": "claude-haiku-4-5"}
"""What Claude Code calls them, and their names; https://platform.claude.com/docs/en/about-claude/models/overview."""


def chosen(wanted: str, configured: str) -> str:
    """The model's name: what a profile wants, where the installation's model says that its API knows it.

    Another API than Anthropic's has no model of the short names, so that the installation's answers for them.
    """
    if wanted not in _SHORT:
        return wanted or configured
    if not configured.startswith(_CLAUDE) or wanted in configured:
        return configured
    return _SHORT[wanted]
