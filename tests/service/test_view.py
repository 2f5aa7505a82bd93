"""What the page is shown, by the whole service: what runs as it changes, times, failed drops, sessions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.service import RunningService
from tests.support.sse import EventClient


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    with RunningService(tmp_path / "home") as running:
        yield running


@pytest.fixture
def events(service: RunningService) -> Iterator[EventClient]:
    with EventClient(int(service.url.rsplit(":", 1)[1]), "/events") as stream:
        yield stream


def heard(events: EventClient, name: str, true: Callable[[dict[str, Any]], object] = lambda _: True) -> dict[str, Any]:
    """The first event of that name of which it is true."""
    while (event := events.next()) is not None:
        if event.name == name and true(event.data):
            return event.data
    raise AssertionError("the stream has ended")


def test_everything_is_told_at_first(events: EventClient) -> None:
    assert sorted(event.name for event in events.take(4)) == ["failed", "groups", "now", "times"]


def test_a_message_is_seen_to_wait_to_run_and_to_be_over(service: RunningService, events: EventClient) -> None:
    service.post({"text": "/wait 50", "id": "a", "session": "s"}, "")
    service.post({"text": "next", "id": "b", "session": "s"}, "")

    now = heard(events, "now", lambda now: [turn["status"] for turn in now["turns"]] == ["running", "queued"])
    first, second = now["turns"]
    assert (first["id"], first["text"], first["route"], first["session"]) == ("a", "/wait 50", "persistent", "s")
    assert (second["id"], "run_ms" in second) == ("b", False)
    assert now["status"]["main"]["state"] == "READY"

    service.delete("/messages/a")
    over = heard(events, "now", lambda now: not now["turns"])
    assert [(entry["id"], entry["status"]) for entry in over["recent"]] == [("a", "cancelled"), ("b", "done")]


def test_subagents_are_seen_with_their_message(service: RunningService, events: EventClient) -> None:
    service.post({"text": "/spawn 2 /wait 50", "id": "p"}, "")

    now = heard(events, "now", lambda now: [turn.get("parent") for turn in now["turns"]] == ["p", "p"])
    assert [turn["id"] for turn in now["turns"]] == ["p.s1", "p.s2"]
    service.delete("/messages/p")
    heard(events, "now", lambda now: not now["turns"])


def test_times_are_told_and_listed(service: RunningService, events: EventClient) -> None:
    reply = service.post({"text": "hello"}).json()

    [row] = heard(events, "times", lambda times: times["rows"])["rows"]
    assert (row["route"], row["count"]) == ("persistent", 1)
    assert row["totalTime"]["p50"] == pytest.approx(reply["timing"]["totalTime"], rel=0.026, abs=1)
    assert service.get("/times").json()["rows"] == [row]


def test_failed_drops_are_told_when_they_come_and_when_they_go(service: RunningService, events: EventClient) -> None:
    heard(events, "failed")
    (service.home / "ipc/inbox/a.json").write_text('{"text": "hi", "group": "late"}')
    heard(events, "failed", lambda _: service.get("/failed").json()["failed"])

    service.put("/groups/late", {})
    assert service.post({}, "").status_code == 400
    assert service._session.post(f"{service.url}/failed/a.json", timeout=30).status_code == 202

    heard(events, "failed", lambda _: not service.get("/failed").json()["failed"])
    assert service.get("/messages/a?wait=30").json()["status"] == "done"


def test_another_group_is_told(service: RunningService, events: EventClient) -> None:
    heard(events, "groups")
    service.put("/groups/friends", {})
    heard(events, "groups")
    service.delete("/groups/friends")
    heard(events, "groups")


def test_a_session_is_shown_as_its_file_has_it(service: RunningService) -> None:
    folder = service.home / "groups/main/sessions"
    folder.mkdir()
    turn = {
        "kind": "messages", "id": "t1", "at": 7,
        "messages": [
            {"role": "user", "content": "what?"},
            {"role": "assistant", "content": [{"type": "tool_use"}, {"type": "text", "text": "this"}]},
            {"role": "user", "content": [{"type": "tool_result", "content": "…"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "and that"}]},
        ],
    }  # fmt: skip
    (folder / "work.jsonl").write_text(json.dumps(turn) + "\n" + "damaged\n")

    shown = service.get("/groups/main/sessions/work").json()

    assert shown["turns"] == [{"id": "t1", "at": 7, "asked": "what?", "text": "this\n\nand that"}]
    assert shown["whole"] is True
    assert service.get("/groups/main/sessions/none").json()["turns"] == []
    [listed] = service.get("/groups/main/sessions").json()["sessions"]
    assert (listed["session"], listed["at"] > 0) == ("work", True)
    assert service.get("/groups/global/sessions/none").status_code == 404


def test_a_session_that_is_a_link_is_not_followed(service: RunningService, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("{}")
    folder = service.home / "groups/main/sessions"
    folder.mkdir()
    (folder / "work.jsonl").symlink_to(tmp_path / "secret")

    assert service.get("/groups/main/sessions/work").status_code == 500
    assert service.get("/groups/main/sessions").json()["sessions"] == []
