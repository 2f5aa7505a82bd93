"""Agents with a profile in a whole service without an engine: spawned by a message, with a reply of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.service import RunningService


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    """In Main's folder is `src/watch.py`, which polls; beside it a user's home with `shared`, which is allowed."""
    home, user = tmp_path / "home", tmp_path / "user"
    for folder in (home / "groups/main/src", user / "shared"):
        folder.mkdir(parents=True)
        (folder / "watch.py").write_text("import time\n\nwhile True:\n    time.sleep(0.01)\n")
    allowlist = user / ".config/openclaw/mount-allowlist.json"
    allowlist.parent.mkdir(parents=True)
    allowlist.write_text('{"allow": [{"path": "~/shared"}]}')
    allowlist.chmod(0o600)
    with RunningService(home, HOME=str(user)) as service:
        yield service


def test_the_performance_engineer_of_a_new_home_answers_with_the_audit(service: RunningService) -> None:
    asked = "/spawn @performance-engineer src ~/shared -- Analiza el código"
    assert "(a.s1, started)" in service.post({"text": asked, "id": "a"}).json()["text"]

    reply = service.get("/messages/a.s1?wait=50").json()

    assert (reply["status"], reply["route"]) == ("done", "subagent")
    assert reply["text"].startswith("## 1. Diagnóstico Actual\n")
    assert "src/watch.py:4 (3." in reply["text"]
    assert "~/shared/watch.py:4 (3." in reply["text"]
    assert str(service.home) not in reply["text"]


def test_any_other_profile_that_is_put_there_is_spawned_as_soon_as_it_lies_there(service: RunningService) -> None:
    folder = service.home / "groups/main/.claude/agents"
    unknown = service.post({"text": "/spawn @reader -- /read src/watch.py"}).json()["text"]
    (folder / "reader.md").write_text("---\nname: reader\ndescription: Reads\ntools: Read\n---\nRead.")
    (folder / "broken.md").write_text("---\nname: broken\n---\nRead.")

    service.post({"text": "/spawn @reader -- /read src/watch.py", "id": "a", "session": "s"})
    broken = service.post({"text": "/spawn @broken -- /ls", "session": "t"}).json()["text"]

    assert "there is no agent 'reader'" in unknown
    assert unknown.endswith("; there are: performance-engineer")
    assert "time.sleep" in service.get("/messages/a.s1?wait=50").json()["text"]
    assert "broken.md, line 1: 'description' is missing" in broken
    listed = service.get("/agents").json()["agents"]
    assert [entry["name"] for entry in listed] == ["broken", "performance-engineer", "reader"]


def test_a_path_that_is_not_allowed_is_told_to_who_asked_for_it(service: RunningService) -> None:
    told = service.post({"text": "/spawn @performance-engineer nowhere", "id": "a"}).json()["text"]

    assert told.startswith("The host refused: nowhere cannot be read: there is no such file")
    assert service.get("/messages/a.s1").status_code == 404, "nothing was made that could fail as well"
