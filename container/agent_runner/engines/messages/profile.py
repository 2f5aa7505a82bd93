"""Agent profiles: `.claude/agents/NAME.md`, of which a subagent takes its instructions.

Frontmatter is read as far as profiles use it: `key: value` on a line each, between two lines `---`.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from agent_runner.engines.messages.text_files import TextFiles, names
from openclaw.errors import OpenClawError
from openclaw.message import is_name

FOLDER = Path(".claude/agents")


class Profile(NamedTuple):
    """What an agent is: what is told about it, and the instructions that it follows."""

    keys: dict[str, str]
    body: str


def read_profile(group: Path, name: str, files: TextFiles) -> Profile:
    """The profile NAME of a group. Raises OpenClawError where there is none."""
    text = files.read(group / FOLDER / f"{name}.md") if is_name(name) else ""
    if not text:
        there = [one.removesuffix(".md") for one in names(group / FOLDER, ".md")]
        raise OpenClawError(f"there is no agent {name[:80]!r} in {FOLDER}; there are: {', '.join(there) or 'none'}")
    return parse_profile(text)


def parse_profile(text: str) -> Profile:
    """Frontmatter and body; without a frontmatter that ends, all of it is body."""
    lines = text.splitlines()
    if not lines or lines[0].strip() != "---":
        return Profile({}, text.strip())
    end = next((number for number, line in enumerate(lines[1:], 1) if line.strip() == "---"), 0)
    if not end:
        return Profile({}, text.strip())
    pairs = (line.partition(":") for line in lines[1:end] if ":" in line and not line.startswith((" ", "#", "\t")))
    keys = {key.strip(): value.strip().strip("\"'") for key, _, value in pairs}
    return Profile(keys, "\n".join(lines[end + 1 :]).strip())
