"""The shipped profile asks for the very report that the audit gives."""

from __future__ import annotations

from pathlib import Path

from openclaw.audit.words import SPANISH

PROFILE = Path(__file__).resolve().parents[2] / "groups" / "main" / ".claude" / "agents" / "performance-engineer.md"


def test_it_has_the_frontmatter_by_which_it_is_found() -> None:
    opening, frontmatter, _ = PROFILE.read_text(encoding="utf-8").split("---\n", 2)
    keys = [line.partition(":")[0] for line in frontmatter.splitlines()]

    assert opening == ""
    assert keys == ["name", "description", "tools", "model", "memory"]
    assert "name: performance-engineer\n" in frontmatter


def test_its_headings_marks_and_table_are_those_of_the_report() -> None:
    text = PROFILE.read_text(encoding="utf-8")
    fixed = [*SPANISH.headings, *SPANISH.severities.values(), SPANISH.table, *SPANISH.phases, SPANISH.point]

    assert [words for words in fixed if words not in text] == []
