"""Messages that are dropped at once."""

from __future__ import annotations

import json
from pathlib import Path

from openclaw.bench.drops import Drops


def test_messages_are_whole_when_they_come_and_none_stays_aside(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    drops = Drops(tmp_path / "aside", {"a.json": {"text": "one"}, "b.json": {"text": "two", "group": "g"}})
    assert list(inbox.iterdir()) == []

    drops.move_to(inbox)
    assert json.loads((inbox / "a.json").read_text()) == {"text": "one"}
    assert json.loads((inbox / "b.json").read_text()) == {"text": "two", "group": "g"}
    assert list((tmp_path / "aside").iterdir()) == []


def test_the_folder_aside_serves_many_times(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    for name in ("a.json", "b.json"):
        Drops(tmp_path / "aside", {name: {"text": name}}).move_to(tmp_path / "inbox")
    assert {path.name for path in (tmp_path / "inbox").iterdir()} == {"a.json", "b.json"}
