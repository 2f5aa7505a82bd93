"""What a session is told of its subagents: each result once, across restarts, whatever lies in its folder."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from openclaw.routing.sessions import MAX_RESULT, TAIL, Sessions


@pytest.fixture
def sessions(tmp_path: Path) -> Sessions:
    (tmp_path / "main").mkdir()
    return Sessions(tmp_path)


def _reply(message_id: str, text: str = "found", status: str = "done", **more: str) -> dict[str, Any]:
    return {"id": message_id, "group": "main", "session": "default", "status": status, "text": text, **more}


def _file(tmp_path: Path) -> Path:
    return tmp_path / "main/sessions/default.jsonl"


def test_a_session_that_has_nothing_has_no_file(sessions: Sessions, tmp_path: Path) -> None:
    assert sessions.unseen("main", "default") == []
    assert not _file(tmp_path).exists()


def test_a_result_is_told_until_a_turn_has_seen_it(sessions: Sessions) -> None:
    sessions.add_result(_reply("a.s1"))
    sessions.add_result(_reply("a.s2", "", "failed", error="timed out"))
    unseen = [
        {"id": "a.s1", "status": "done", "text": "found"},
        {"id": "a.s2", "status": "failed", "text": "timed out"},
    ]
    assert sessions.unseen("main", "default") == unseen
    sessions.add_turn("main", "default", "b", ["a.s1"])
    assert sessions.unseen("main", "default") == unseen[1:]


def test_a_result_that_came_during_a_turn_is_told_to_the_next(sessions: Sessions) -> None:
    sessions.add_result(_reply("a.s1"))
    seen = [result["id"] for result in sessions.unseen("main", "default")]
    sessions.add_result(_reply("a.s2"))
    sessions.add_turn("main", "default", "b", seen)
    assert [result["id"] for result in sessions.unseen("main", "default")] == ["a.s2"]


def test_a_result_is_noted_once_however_often_it_is_delivered(sessions: Sessions, tmp_path: Path) -> None:
    sessions.add_result(_reply("a.s1"))
    sessions.add_result(_reply("a.s1"))
    assert len(_file(tmp_path).read_text().splitlines()) == 1


def test_another_session_and_another_process_see_what_is_theirs(sessions: Sessions, tmp_path: Path) -> None:
    sessions.add_result(_reply("a.s1"))
    assert sessions.unseen("main", "other") == []
    assert len(Sessions(tmp_path).unseen("main", "default")) == 1


def test_a_long_text_is_cut_and_says_where_the_whole_is(sessions: Sessions) -> None:
    sessions.add_result(_reply("a.s1", "x" * (MAX_RESULT + 1)))
    (result,) = sessions.unseen("main", "default")
    assert len(result["text"]) < MAX_RESULT + 100
    assert "the reply a.s1" in result["text"]


def test_a_damaged_line_is_said_and_costs_the_others_nothing(
    sessions: Sessions, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sessions.add_result(_reply("a.s1"))
    with _file(tmp_path).open("a") as file:
        file.write("{half\n")
    sessions.add_result(_reply("a.s2"))
    with caplog.at_level(logging.ERROR):
        assert [result["id"] for result in sessions.unseen("main", "default")] == ["a.s1", "a.s2"]
    assert "damaged line" in caplog.text


def test_only_the_end_of_a_long_session_is_read(sessions: Sessions, tmp_path: Path) -> None:
    sessions.add_result(_reply("old.s1"))
    with _file(tmp_path).open("a") as file:
        while file.tell() <= TAIL + 1000:
            file.write(json.dumps({"kind": "turn", "id": "x" * 900, "results": []}) + "\n")
    sessions.add_result(_reply("new.s1"))
    assert [result["id"] for result in sessions.unseen("main", "default")] == ["new.s1"]


def test_a_link_in_the_place_of_a_session_is_not_followed(
    sessions: Sessions, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret = tmp_path / "secret"
    secret.write_text('{"kind": "subagent", "id": "s", "status": "done", "text": "secret"}\n')
    _file(tmp_path).parent.mkdir()
    _file(tmp_path).symlink_to(secret)
    assert sessions.unseen("main", "default") == []
    assert "cannot be read" in caplog.text
    with pytest.raises(OSError, match="symbolic links"):
        sessions.add_result(_reply("a.s1"))
    assert secret.read_text().count("\n") == 1


def test_a_pipe_in_the_place_of_a_session_holds_nobody(
    sessions: Sessions, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _file(tmp_path).parent.mkdir()
    os.mkfifo(_file(tmp_path))
    assert sessions.unseen("main", "default") == []
    assert "is no file" in caplog.text


def test_a_line_that_a_power_cut_has_torn_does_not_spoil_the_next(sessions: Sessions, tmp_path: Path) -> None:
    _file(tmp_path).parent.mkdir()
    _file(tmp_path).write_text('{"kind": "sub')
    sessions.add_result(_reply("a.s1"))
    assert [result["id"] for result in sessions.unseen("main", "default")] == ["a.s1"]
