"""What of an installation in a checkout is its user's to version: profiles and what agents remember, nothing else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

VERSIONED = (
    *("groups/main/CLAUDE.md", "groups/global/CLAUDE.md", "groups/main/.claude/agents/mine.md", "ipc/.gitkeep"),
    "groups/main/.claude/agent-memory/performance-engineer/MEMORY.md",
    "groups/friends/.claude/agent-memory/guide/places.md",
)
LEFT_OUT = (
    *(".env", "logs/app.log", "ipc/work/a.json", "groups/.staged", "groups/friends/CLAUDE.md"),
    *("groups/friends/group.json", "groups/main/sessions/default.jsonl", "groups/main/.claude/settings.json"),
    *("groups/main/.claude/.agents.new/x.md", "groups/main/report.txt", "groups/main/src/.claude/agents/x.md"),
)


def test_git_sees_what_is_the_users_to_version_and_nothing_else(tmp_path: Path) -> None:
    shutil.copy(CHECKOUT / ".gitignore", tmp_path)
    for name in (*VERSIONED, *LEFT_OUT):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, timeout=30, check=True)

    seen = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard"],
        cwd=tmp_path, capture_output=True, text=True, timeout=30, check=True,
    ).stdout.split()  # fmt: skip

    assert set(seen) == {".gitignore", *VERSIONED}
