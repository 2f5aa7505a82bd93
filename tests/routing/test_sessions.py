"""What a session keeps: each turn and each result once, across restarts, whatever lies in its folder."""

from __future__ import annotations

import errno
import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from openclaw.errors import NotDurable
from openclaw.message import Record, Summary
from openclaw.message.session import MAX_SESSION
from openclaw.routing.session_file import SessionFile
from openclaw.routing.sessions import MAX_KNOWN, MAX_RESULT, MAX_RESULTS, Sessions
from tests.support.clock import FakeClock


@pytest.fixture
def sessions(tmp_path: Path) -> Sessions:
    (tmp_path / "main").mkdir()
    return fresh(tmp_path)


def fresh(tmp_path: Path) -> Sessions:
    """As the next process has it."""
    return Sessions(tmp_path, FakeClock(), os.getuid())


def reply(message_id: str, text: str = "found", status: str = "done", **more: str) -> dict[str, Any]:
    return {"id": message_id, "group": "main", "session": "default", "status": status, "text": text, **more}


def said(text: str, **more: Any) -> Record:
    messages = [{"role": "user", "content": text}, {"role": "assistant", "content": f"about {text}"}]
    return Record(messages, **more)


def unseen(sessions: Sessions, turn_id: str = "next") -> list[str]:
    return [result["id"] for result in sessions.unseen("main", "default", turn_id)]


def keep(sessions: Sessions, turn_id: str, record: Record | None = None, results: list[str] | None = None) -> None:
    sessions.add_turn("main", "default", turn_id, results or [], record)()


def file(tmp_path: Path) -> Path:
    return tmp_path / "main/sessions/default.jsonl"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def kept(tmp_path: Path) -> list[tuple[str, str]]:
    return [(line["kind"], line["id"]) for line in lines(file(tmp_path))]


def archived(tmp_path: Path) -> dict[str, list[tuple[str, str]]]:
    """Name → lines of every file in the archive."""
    archive = sorted((tmp_path / "main/conversations").glob("*"))
    return {path.name: [(line["kind"], line["id"]) for line in lines(path)] for path in archive}


# Results of subagents


def test_a_turn_is_told_of_results_in_the_order_in_which_their_subagents_were_started(sessions: Sessions) -> None:
    for child in ("b.s1", "a.s10", "a.s2", "a.s1", "b.s3"):
        sessions.add_result(reply(child))
    assert unseen(sessions) == ["b.s1", "b.s3", "a.s1", "a.s2", "a.s10"]


def test_a_session_that_has_nothing_has_no_file(sessions: Sessions, tmp_path: Path) -> None:
    assert unseen(sessions) == []
    keep(sessions, "a")
    assert not file(tmp_path).exists()


def test_a_result_is_told_until_a_turn_has_seen_it(sessions: Sessions, tmp_path: Path) -> None:
    sessions.add_result(reply("a.s1"))
    sessions.add_result(reply("a.s2", "", "failed", error="timed out"))
    both = [
        {"id": "a.s1", "status": "done", "text": "found"},
        {"id": "a.s2", "status": "failed", "text": "timed out"},
    ]
    assert sessions.unseen("main", "default", "b") == both
    keep(sessions, "b", results=["a.s1"])
    assert sessions.unseen("main", "default", "c") == both[1:]
    assert fresh(tmp_path).unseen("main", "default", "c") == both[1:]


def test_another_attempt_at_a_turn_is_told_what_the_first_was(sessions: Sessions) -> None:
    sessions.add_result(reply("a.s1"))
    keep(sessions, "b", results=["a.s1"])
    assert unseen(sessions, "b") == ["a.s1"]
    assert unseen(sessions, "c") == []


def test_a_result_that_came_during_a_turn_is_told_to_the_next(sessions: Sessions) -> None:
    sessions.add_result(reply("a.s1"))
    seen = unseen(sessions)
    sessions.add_result(reply("a.s2"))
    keep(sessions, "b", results=seen)
    assert unseen(sessions) == ["a.s2"]


@pytest.mark.parametrize("told", [False, True])
def test_a_result_is_noted_once_however_often_it_is_delivered(sessions: Sessions, tmp_path: Path, told: bool) -> None:
    sessions.add_result(reply("a.s1"))
    if told:
        keep(sessions, "b", results=["a.s1"])
        keep(sessions, "c", results=["a.s1"])
    before = file(tmp_path).read_bytes()
    sessions.add_result(reply("a.s1"))
    fresh(tmp_path).add_result(reply("a.s1"))
    assert file(tmp_path).read_bytes() == before


def test_another_session_and_another_process_see_what_is_theirs(sessions: Sessions, tmp_path: Path) -> None:
    sessions.add_result(reply("a.s1"))
    assert sessions.unseen("main", "other", "b") == []
    assert unseen(fresh(tmp_path)) == ["a.s1"]


def test_a_long_text_is_cut_and_says_where_the_whole_is(sessions: Sessions) -> None:
    sessions.add_result(reply("a.s1", "x" * (MAX_RESULT + 1)))
    (result,) = sessions.unseen("main", "default", "b")
    assert len(result["text"]) < MAX_RESULT + 100
    assert "the reply a.s1" in result["text"]


def test_what_is_too_much_for_one_turn_is_told_to_the_next(sessions: Sessions) -> None:
    names = [f"a.s{number}" for number in range(1, MAX_RESULTS // MAX_RESULT + 3)]
    for name in names:
        sessions.add_result(reply(name, "x" * MAX_RESULT))
    first = unseen(sessions)
    keep(sessions, "b", results=first)
    assert first == names[:-2]
    assert unseen(sessions) == names[-2:]


# Turns


def test_a_turn_is_kept_with_its_date_and_what_it_filled(sessions: Sessions, tmp_path: Path) -> None:
    keep(sessions, "a", said("hello", tokens=12))
    (line,) = lines(file(tmp_path))
    assert line == {
        "kind": "messages", "id": "a", "at": 1_800_000_000, "messages": said("hello").messages, "tokens": 12,
    }  # fmt: skip


def test_a_turn_is_kept_once_by_this_process_and_by_the_next(sessions: Sessions, tmp_path: Path) -> None:
    sessions.add_result(reply("z.s1"))
    for process in (sessions, sessions, fresh(tmp_path)):
        keep(process, "a", said("hello"), ["z.s1"])
    assert kept(tmp_path) == [("subagent", "z.s1"), ("messages", "a"), ("turn", "a")]


def test_of_two_attempts_that_both_ended_the_later_counts(sessions: Sessions, tmp_path: Path) -> None:
    keep(sessions, "a", said("hello"))
    keep(sessions, "b", said("then"))
    keep(sessions, "a", said("hello again"))
    assert kept(tmp_path) == [("messages", "a"), ("messages", "b"), ("messages", "a")]
    keep(sessions, "c", said("a fresh start", new=True))
    left = [("messages", "a"), ("messages", "b"), ("messages", "a")]
    assert archived(tmp_path) == {"2027-01-15-default-c.jsonl": left}


def test_a_file_that_was_changed_by_hand_is_read_again(sessions: Sessions, tmp_path: Path) -> None:
    keep(sessions, "a", said("hello"))
    with file(tmp_path).open("a") as opened:
        opened.write('{"kind": "subagent", "id": "x.s1", "status": "done", "text": "by hand"}')
    assert unseen(sessions) == ["x.s1"]
    keep(sessions, "b", said("then"))
    assert kept(tmp_path) == [("messages", "a"), ("subagent", "x.s1"), ("messages", "b")]


def test_more_sessions_than_are_remembered_are_read_again(sessions: Sessions) -> None:
    names = [f"s{number}" for number in range(MAX_KNOWN + 2)]
    for name in names:
        sessions.add_result({**reply(f"{name}.s1"), "session": name})
    assert all(sessions.unseen("main", name, "b")[0]["id"] == f"{name}.s1" for name in names)


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give files away")
def test_what_the_host_writes_can_be_read_by_containers_of_another_uid(tmp_path: Path) -> None:
    (tmp_path / "main").mkdir()
    sessions = Sessions(tmp_path, FakeClock(), 64321)
    for turn_id, new in (("a", False), ("b", True)):
        keep(sessions, turn_id, said("hello", new=new))
    written = list((tmp_path / "main").rglob("*"))
    assert len(written) == 4
    assert {path.stat().st_uid for path in written} == {64321}


# What leaves the file


def test_a_fresh_session_archives_the_old_one_and_keeps_untold_results(sessions: Sessions, tmp_path: Path) -> None:
    keep(sessions, "a", said("hello"))
    keep(sessions, "b", said("then"))
    sessions.add_result(reply("b.s1"))
    sessions.add_result(reply("b.s2"))
    keep(sessions, "c", said("/new", new=True), ["b.s1"])
    assert archived(tmp_path) == {"2027-01-15-default-c.jsonl": [("messages", "a"), ("messages", "b")]}
    assert kept(tmp_path) == [("messages", "c"), ("subagent", "b.s1"), ("subagent", "b.s2"), ("turn", "c")]
    assert unseen(fresh(tmp_path)) == ["b.s2"]


def test_a_fresh_session_after_another_has_nothing_to_archive(sessions: Sessions, tmp_path: Path) -> None:
    keep(sessions, "a", Record([], new=True))
    keep(sessions, "b", Record([], new=True))
    assert kept(tmp_path) == [("messages", "b")]
    assert archived(tmp_path) == {}


def test_a_summary_takes_the_place_of_the_turns_for_which_it_stands(sessions: Sessions, tmp_path: Path) -> None:
    for turn_id in "abc":
        keep(sessions, turn_id, said(turn_id))
    keep(sessions, "d", said("d", summary=Summary("b", "a and b")))
    assert archived(tmp_path) == {"2027-01-15-default-d.jsonl": [("messages", "a"), ("messages", "b")]}
    assert kept(tmp_path) == [("summary", "d"), ("messages", "c"), ("messages", "d")]
    assert lines(file(tmp_path))[0]["text"] == "a and b"
    keep(sessions, "e", said("e", summary=Summary("d", "all so far")))
    assert archived(tmp_path)["2027-01-15-default-e.jsonl"] == [("summary", "d"), ("messages", "c"), ("messages", "d")]
    assert kept(tmp_path) == [("summary", "e"), ("messages", "e")]


def test_a_death_between_archive_and_file_repeats_the_same(
    sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(sessions, "a", said("hello"))
    with monkeypatch.context() as patched:
        patched.setattr(SessionFile, "replace", _die)
        with pytest.raises(KeyboardInterrupt):
            keep(sessions, "b", said("/new", new=True))
    assert kept(tmp_path) == [("messages", "a")]
    keep(fresh(tmp_path), "b", said("/new", new=True))
    assert archived(tmp_path) == {"2027-01-15-default-b.jsonl": [("messages", "a")]}
    assert kept(tmp_path) == [("messages", "b")]


def _die(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_session_that_grows_too_large_moves_its_oldest_turns_and_says_so(sessions: Sessions, tmp_path: Path) -> None:
    numbers = range(6)
    for number in numbers:
        keep(sessions, f"t{number}", said(str(number) * 500_000))
    assert file(tmp_path).stat().st_size < MAX_SESSION
    moved = [turn_id for turns in archived(tmp_path).values() for _, turn_id in turns]
    (first, *rest) = lines(file(tmp_path))
    assert first["kind"] == "summary"
    assert "conversations/2027-01-15-default-t" in first["text"]
    assert moved + [line["id"] for line in rest] == [f"t{number}" for number in numbers]
    assert len(moved) >= 2


def test_an_archive_that_is_a_link_is_not_followed_and_the_session_goes_on(
    sessions: Sessions, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "main/conversations").symlink_to(tmp_path / "elsewhere")
    keep(sessions, "a", said("hello"))
    keep(sessions, "b", said("/new", new=True))
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert "2027-01-15-default-b.jsonl cannot be written" in caplog.text
    assert kept(tmp_path) == [("messages", "a"), ("new", "b"), ("messages", "b")]


# Damage


def test_a_damaged_line_is_said_and_costs_the_others_nothing(
    sessions: Sessions, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sessions.add_result(reply("a.s1"))
    with file(tmp_path).open("a") as opened:
        opened.write("{half\n")
    with caplog.at_level(logging.ERROR):
        assert unseen(sessions) == ["a.s1"]
    assert "damaged line" in caplog.text


@pytest.mark.parametrize("damage", ["{half\n", '{"kind": "messages", "id": "x"}\n', "\0\0\0\n", "[]\n"])
def test_a_damaged_file_is_set_aside_whole_with_the_next_line_and_goes_on_with_what_is_sound(
    sessions: Sessions, tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    keep(sessions, "a", said("hello"))
    with file(tmp_path).open("a") as opened:
        opened.write(damage)
    before = file(tmp_path).read_bytes()
    keep(sessions, "b", said("then"))
    aside = file(tmp_path).with_name("default.jsonl.damaged-2027-01-15-b")
    assert aside.read_bytes() == before
    assert kept(tmp_path) == [("messages", "a"), ("messages", "b")]
    assert f"kept as {aside.name}" in caplog.text
    keep(sessions, "c", said("later"))
    assert len(list(file(tmp_path).parent.iterdir())) == 2


def test_a_link_in_the_place_of_a_session_is_not_followed_but_set_aside(
    sessions: Sessions, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret = tmp_path / "secret"
    secret.write_text('{"kind": "subagent", "id": "s", "status": "done", "text": "secret"}\n')
    file(tmp_path).parent.mkdir()
    file(tmp_path).symlink_to(secret)
    assert unseen(sessions) == []
    assert "is no regular file" in caplog.text
    keep(sessions, "a", said("hello"))
    assert kept(tmp_path) == [("messages", "a")]
    assert file(tmp_path).with_name("default.jsonl.damaged-2027-01-15-a").is_symlink()
    assert secret.read_text().count("\n") == 1


def test_a_pipe_in_the_place_of_a_session_holds_nobody(sessions: Sessions, tmp_path: Path) -> None:
    file(tmp_path).parent.mkdir()
    os.mkfifo(file(tmp_path))
    assert unseen(sessions) == []
    sessions.add_result(reply("a.s1"))
    assert unseen(sessions) == ["a.s1"]


def test_a_link_in_the_place_of_the_folder_is_not_followed(sessions: Sessions, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "main/sessions").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"[Nn]ot a directory|symbolic"):
        keep(sessions, "a", said("hello"))
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("restarted", [True, False])
@pytest.mark.parametrize("left", [-5, 0], ids=["cut", "emptied"])
def test_a_file_that_has_lost_its_end_is_said_and_what_is_left_set_aside(
    sessions: Sessions, tmp_path: Path, caplog: pytest.LogCaptureFixture, left: int, restarted: bool
) -> None:
    turns = ["a"] if left else []
    keep(sessions, "a", said("hello"))
    keep(sessions, "b", said("then"))
    os.truncate(file(tmp_path), file(tmp_path).stat().st_size + left if left else 0)
    before = file(tmp_path).read_bytes()
    process = fresh(tmp_path) if restarted else sessions

    assert unseen(process) == []
    assert ("ends within a line" if left else "is empty") in caplog.text
    keep(process, "c", said("later"))

    aside = file(tmp_path).with_name("default.jsonl.damaged-2027-01-15-c")
    assert aside.read_bytes() == before
    assert f"kept as {aside.name}" in caplog.text
    assert kept(tmp_path) == [("messages", turn) for turn in [*turns, "c"]]
    keep(process, "d", said("and on"))
    assert len(list(file(tmp_path).parent.iterdir())) == 2


def test_a_file_that_has_lost_whole_lines_is_damaged_where_they_are_remembered(
    sessions: Sessions, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keep(sessions, "a", said("hello"))
    size = file(tmp_path).stat().st_size
    keep(sessions, "b", said("then"))
    os.truncate(file(tmp_path), size)

    assert unseen(sessions) == []
    assert f"has only {size} bytes of the " in caplog.text
    keep(sessions, "c", said("later"))

    assert len(list(file(tmp_path).parent.glob("default.jsonl.damaged-*"))) == 1
    assert kept(tmp_path) == [("messages", "a"), ("messages", "c")]


def test_a_file_that_was_taken_away_is_said(
    sessions: Sessions, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keep(sessions, "a", said("hello"))
    file(tmp_path).unlink()
    assert unseen(sessions) == []
    assert "is gone: the session begins anew" in caplog.text


def test_a_damaged_file_that_is_set_aside_stays_as_it_is_where_the_archive_cannot_be_written(
    sessions: Sessions, tmp_path: Path
) -> None:
    keep(sessions, "a", said("hello"))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "main/conversations").symlink_to(tmp_path / "elsewhere")
    with file(tmp_path).open("a") as opened:
        opened.write('{"kind": "mess')
    before = file(tmp_path).read_bytes()

    keep(sessions, "b", said("/new", new=True))

    assert file(tmp_path).with_name("default.jsonl.damaged-2027-01-15-b").read_bytes() == before
    assert kept(tmp_path) == [("messages", "a"), ("new", "b"), ("messages", "b")]


def test_a_full_disk_leaves_no_empty_file_of_a_new_session(
    sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.write", full)
        with pytest.raises(NotDurable, match="No space left"):
            keep(sessions, "a", said("hello"))
    assert not file(tmp_path).exists()


# Disks


def test_a_full_disk_leaves_no_part_of_a_line_and_says_that_it_is_to_be_tried_again(
    sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(sessions, "a", said("hello"))
    write = os.write

    def half(fd: int, data: bytes) -> int:
        if len(data) < 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data[: len(data) // 2])

    with monkeypatch.context() as patched:
        patched.setattr("os.write", half)
        with pytest.raises(NotDurable, match="No space left"):
            keep(sessions, "b", said("then"))
        with pytest.raises(NotDurable, match="No space left"):
            sessions.add_result(reply("a.s1"))
    assert kept(tmp_path) == [("messages", "a")]
    keep(sessions, "b", said("then"))
    sessions.add_result(reply("a.s1"))
    assert kept(tmp_path) == [("messages", "a"), ("messages", "b"), ("subagent", "a.s1")]


def test_the_lines_of_several_sessions_are_made_durable_together(sessions: Sessions, tmp_path: Path) -> None:
    names = ("one", "two")
    begun = [sessions.add_turn("main", name, f"turn-{name}", [], said("hello")) for name in names]
    for finish in begun:
        finish()
    for name in names:
        assert [line["id"] for line in lines(tmp_path / f"main/sessions/{name}.jsonl")] == [f"turn-{name}"]


@pytest.mark.parametrize("known", [False, True])
def test_a_line_that_the_disk_did_not_take_for_good_is_taken_away_and_noted_again(
    sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """After a failed fsync it would be read back from memory, and taken for what is safe."""
    if known:
        keep(sessions, "a", said("hello"))
    before = file(tmp_path).read_bytes() if known else None

    def broken(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", broken)
        with pytest.raises(OSError, match="Input/output error"):
            keep(sessions, "b", said("then"))
    assert (file(tmp_path).read_bytes() if file(tmp_path).exists() else None) == before
    keep(sessions, "b", said("then"))
    assert kept(tmp_path) == [("messages", name) for name in ("ab" if known else "b")]


@pytest.mark.parametrize("failing", [0, 1])
def test_a_new_file_that_the_disk_did_not_take_for_good_is_made_anew_and_so_is_its_entry(
    sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """Else the lines would be safe in a file that a power cut takes out of its folder."""
    fsync, synced = os.fsync, list[str]()

    def watched(fd: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{fd}"))
        if len(synced) == failing + 1:
            raise OSError(errno.EIO, "Input/output error")
        fsync(fd)

    monkeypatch.setattr("os.fsync", watched)
    with pytest.raises(OSError, match="Input/output error"):
        keep(sessions, "a", said("hello"))
    assert not file(tmp_path).exists()
    synced.clear()
    monkeypatch.setattr("os.fsync", lambda fd: synced.append(os.readlink(f"/proc/self/fd/{fd}")))
    keep(sessions, "a", said("hello"))
    assert synced == [str(file(tmp_path)), str(file(tmp_path).parent)]
    keep(sessions, "b", said("then"))
    assert synced[2:] == [str(file(tmp_path))]


def test_where_descriptors_run_out_nothing_is_noted(
    sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(_: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr("os.dup", none_left)
        with pytest.raises(OSError, match="Too many open files"):
            keep(sessions, "a", said("hello"))
    assert not file(tmp_path).exists()
    keep(sessions, "a", said("hello"))
    assert kept(tmp_path) == [("messages", "a")]


def test_what_a_container_puts_in_the_place_of_a_new_file_is_not_taken_away_with_it(
    sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = sessions.add_turn("main", "default", "a", [], said("hello"))
    file(tmp_path).rename(file(tmp_path).with_name("moved"))
    file(tmp_path).write_text("{}\n")

    def broken(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("os.fsync", broken)
    with pytest.raises(OSError, match="Input/output error"):
        finish()
    assert file(tmp_path).read_text() == "{}\n"


def test_lines_behind_such_a_line_are_not_taken_for_safe_either(
    sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = sessions.add_turn("main", "default", "a", [], said("hello"))
    second = sessions.add_turn("main", "default", "b", [], said("then"))
    fsync, broken = os.fsync, [OSError(errno.EIO, "Input/output error")]

    def once(fd: int) -> None:
        if broken:
            raise broken.pop()
        fsync(fd)

    monkeypatch.setattr("os.fsync", once)
    for finish in (first, second):
        with pytest.raises(OSError, match=r"Input/output error|were taken away"):
            finish()
    assert not file(tmp_path).exists()
    keep(sessions, "b", said("then"))
    assert kept(tmp_path) == [("messages", "b")]


def test_a_session_in_which_nobody_will_speak_again_leaves_nothing(sessions: Sessions, tmp_path: Path) -> None:
    keep(sessions, "a", said("hello"))

    sessions.forget("main", "default")
    sessions.forget("main", "default")
    sessions.forget("main", "never-was")

    assert not list((tmp_path / "main/sessions").iterdir())
    keep(sessions, "b", said("hello"))
    assert kept(tmp_path) == [("messages", "b")]
