"""Memory: what an agent with a profile keeps in mind from task to task, as its prompt tells it.

`.claude/agent-memory/NAME/MEMORY.md` is told whole up to a bound, the files beside it by their names. Any thread.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from agent_runner.engines.messages.text_files import TextFiles, names

INDEX: Final = "MEMORY.md"

MAX_LINES: Final = 200
MAX_BYTES: Final = 25 * 1024
"""Of the index, whichever comes first; as Claude Code has it."""

_ABOUT: Final = """\
# Your memory

{folder} outlives your tasks. {index} in it is told to you each time, its first {lines} lines or {kilobytes} KB."""
_WRITE: Final = """\
Write there what stays true and was checked, and correct what has turned out wrong; not what is about this task alone.
Keep {index} an index, and put details into files beside it that it names."""


def told(folder: Path, files: TextFiles, *, writable: bool) -> str:
    """The part of the prompt about the memory in `folder`, which may not be there yet."""
    about = _ABOUT.format(folder=folder, index=INDEX, lines=MAX_LINES, kilobytes=MAX_BYTES // 1024)
    about += "\n" + (_WRITE.format(index=INDEX) if writable else "You cannot write there this time.")
    index = files.read(folder / INDEX)
    parts = [about, f"## {INDEX}\n\n{_cut(index)}" if index else f"{INDEX} is not there yet."]
    if beside := [name for name in names(folder, ".md") if name != INDEX]:
        parts.append("## Beside it\n\n" + "\n".join(f"- {folder / name}" for name in beside))
    return "\n\n".join(parts)


def _cut(text: str) -> str:
    lines = text.splitlines(keepends=True)
    kept = "".join(lines[:MAX_LINES]).encode()[:MAX_BYTES].decode(errors="ignore")
    return kept if kept == text else f"{kept.rstrip()}\n(The rest is not told: shorten {INDEX}.)"
