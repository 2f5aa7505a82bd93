"""The files of tasks: durable when it is said, left alone where they cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from openclaw.errors import SchedulerBusy
from openclaw.schedule.store import TaskStore
from openclaw.spool import Committer, DropDir
from tests.schedule.test_task import ID, TASK


@pytest.fixture
def store(tmp_path: Path, committer: Committer) -> TaskStore:
    return TaskStore(DropDir(tmp_path), committer)


def test_what_was_saved_is_loaded_until_it_is_removed(store: TaskStore, tmp_path: Path) -> None:
    assert store.save([TASK]) == [None]
    assert store.load() == ([TASK], {})

    store.remove(ID)
    store.remove(ID)  # by a process that died in between

    assert store.load() == ([], {})
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_read_is_said_and_stays_and_the_others_are_read(
    store: TaskStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store.save([TASK])
    (tmp_path / "t1.json").write_text("{")
    (tmp_path / "t2.json").symlink_to("/etc/passwd")
    (tmp_path / "t3.json").write_text('{"status": "active"}')

    tasks, damaged = store.load()

    assert tasks == [TASK]
    assert set(damaged) == {"t1", "t2", "t3"}
    assert damaged["t3"] == "it has no 'id'"
    assert "ipc/tasks/t1.json cannot be read and does not run; mend or remove it" in caplog.text
    assert (tmp_path / "t1.json").exists()


def test_a_disk_that_takes_nothing_is_said_for_each(tmp_path: Path) -> None:
    committer = Committer()
    committer.start()
    committer.close()
    store = TaskStore(DropDir(tmp_path), committer)

    outcomes = store.save([TASK, TASK])

    assert [type(outcome) for outcome in outcomes] == [SchedulerBusy] * 2
    assert "the service is stopping" in str(outcomes[0])


def test_what_cannot_be_removed_is_said(store: TaskStore, tmp_path: Path) -> None:
    (tmp_path / f"{ID}.json").mkdir()

    with pytest.raises(SchedulerBusy, match=f"ipc/tasks/{ID}.json cannot be removed: Is a directory"):
        store.remove(ID)
