"""Files that anyone may drop, through the whole service: none blocks it, and none vanishes without a word."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.file_events import FileEvents
from tests.support.service import RunningService

GIB = 1024**3
UNFIT = {
    "empty": (b"", 'send one JSON object, as in {"text": "hello"}'),
    "half": (b'{"text": "hel', "not valid JSON: Unterminated string"),
    "array": (b"[]", 'must be one object, as in {"text": "hello"}'),
    "string": (b'"hello"', 'must be one object, as in {"text": "hello"}'),
    "null": (b"null", 'must be one object, as in {"text": "hello"}'),
    "latin": ('{"text": "grüß"}'.encode("latin-1"), "save it as plain UTF-8"),
    "textless": (b"{}", 'needs "text", as in {"text": "hello"}'),
    "misspelt": (b'{"text": "hello", "sesion": "a"}', "a message has attachments, callback_url"),
    "stranger": (b'{"text": "hello", "group": "nobody"}', "known: main"),
    "huge": (b'{"text": "%s"}' % (b"a" * 256 * 1024), "at most 262144 are taken"),
}
"""By file name: what is in it, and what the reason says."""


class Ipc:
    """The folders by which files come and go."""

    def __init__(self, home: Path) -> None:
        self.inbox, self.work, self.outbox, self.failed = (
            home / "ipc" / name for name in ("inbox", "work", "outbox", "failed")
        )

    def drop(self, name: str, data: bytes | dict[str, str]) -> None:
        """Write a file as `echo >` does."""
        (self.inbox / name).write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())

    def reply(self, name: str) -> dict[str, Any]:
        """A file of the outbox, once it is there."""
        return _once_there(self.outbox / name)

    def reason(self, name: str) -> str:
        """Why the file `name` was not taken, once it is told; the file is beside it then."""
        detail = _once_there(self.failed / f"{name.removesuffix('.json')}.reason.json")["detail"]
        assert isinstance(detail, str)
        with closing(FileEvents(self.failed)) as events:
            events.until(lambda: os.path.lexists(self.failed / name))
        return detail


@pytest.fixture(scope="module")
def ipc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ipc]:
    """A service that was given all the unfit files at once."""
    home = tmp_path_factory.mktemp("dropped") / "home"
    with RunningService(home):
        ipc = Ipc(home)
        for name, (data, _) in UNFIT.items():
            ipc.drop(f"{name}.json", data)
        yield ipc


@pytest.mark.parametrize("name", UNFIT)
def test_a_file_that_is_no_message_is_kept_beside_the_reason(ipc: Ipc, name: str) -> None:
    data, advice = UNFIT[name]

    assert advice in ipc.reason(f"{name}.json")
    assert (ipc.failed / f"{name}.json").read_bytes() == data
    assert not (ipc.outbox / f"{name}.json").exists()


def test_a_sparse_file_of_a_gigabyte_is_refused_unread(ipc: Ipc) -> None:
    with open(ipc.inbox / ".sparse", "wb") as file:
        file.truncate(GIB)
    (ipc.inbox / ".sparse").rename(ipc.inbox / "sparse.json")

    assert ipc.reason("sparse.json") == f"it has {GIB} bytes; at most 262144 are taken"


def test_a_link_a_pipe_and_a_folder_are_moved_aside_as_they_are(ipc: Ipc, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text('{"text": "of somebody else"}')
    (ipc.inbox / "link.json").symlink_to(tmp_path / "secret")
    os.mkfifo(ipc.inbox / "pipe.json")
    (ipc.inbox / "folder.json").mkdir()

    assert ipc.reason("link.json") == "it is a symbolic link; only regular files are taken: copy one here"
    assert ipc.reason("pipe.json") == "it is a FIFO; only regular files are taken: copy one here"
    assert ipc.reason("folder.json") == "it is a directory; only regular files are taken: copy one here"
    assert (ipc.failed / "link.json").is_symlink()
    assert stat.S_ISFIFO((ipc.failed / "pipe.json").stat().st_mode)
    assert (ipc.failed / "folder.json").is_dir()


def test_what_is_unfit_costs_the_others_nothing(ipc: Ipc) -> None:
    for number in range(100):
        os.mkfifo(ipc.inbox / f"pipe-{number}.json")
        ipc.drop(f"half-{number}.json", b'{"text": "hel')
    ipc.drop("honest.json", {"text": "hello"})

    assert ipc.reply("honest.json")["status"] == "done"
    assert len([path for path in ipc.failed.iterdir() if path.is_fifo()]) >= 100


def test_a_half_written_file_is_waited_for_as_long_as_somebody_writes(ipc: Ipc) -> None:
    with open(ipc.inbox / "slow.json", "wb", buffering=0) as file:
        file.write(b'{"text": "what is ')
        ipc.drop("broken-later.json", b'{"text": "')
        assert ipc.reason("broken-later.json")  # for which the whole grace has passed
        ipc.drop("quick.json", {"text": "hello", "session": "quick"})
        assert ipc.reply("quick.json")["status"] == "done"
        file.write(b'6 * 7?"}')

    assert ipc.reply("slow.json")["text"].startswith("6 * 7 = 42")


def test_a_name_that_does_not_end_in_json_is_left_alone(ipc: Ipc) -> None:
    ipc.drop("note.txt", b'{"text": "hello"}')
    ipc.drop("after-the-note.json", {"text": "hello"})

    assert ipc.reply("after-the-note.json")["status"] == "done"
    assert (ipc.inbox / "note.txt").exists()


def test_the_same_id_with_the_same_content_is_one_message(ipc: Ipc) -> None:
    ipc.drop("first.json", {"id": "one", "text": "hello"})
    ipc.reply("one.json")
    before = (ipc.outbox / "one.json").stat()
    ipc.drop("second.json", {"id": "one", "text": "hello"})
    with closing(FileEvents(ipc.inbox, ipc.work)) as events:
        events.until(lambda: not (ipc.inbox / "second.json").exists() and not any(ipc.work.iterdir()))

    assert ipc.reply("one.accepted.json") == {"id": "one", "file": "second.json"}
    assert (ipc.outbox / "one.json").stat() == before
    assert not (ipc.failed / "second.json").exists()


def test_the_same_id_with_other_content_is_refused(ipc: Ipc) -> None:
    ipc.drop("taken.json", {"text": "hello"})
    ipc.reply("taken.json")
    ipc.drop("other.json", {"id": "taken", "text": "something else"})

    assert ipc.reason("other.json").endswith("for another message; send it under another id")


def test_a_stem_that_is_taken_gets_a_number(ipc: Ipc) -> None:
    ipc.drop("stem.json", {"text": "hello"})
    ipc.reply("stem.json")
    ipc.drop("stem.json", {"text": "hello"})

    assert ipc.reply("stem-2.json")["status"] == "done"
    assert ipc.reply("stem-2.accepted.json") == {"id": "stem-2", "file": "stem.json"}


def _once_there(path: Path) -> dict[str, Any]:
    with closing(FileEvents(path.parent)) as events:
        events.until(path.exists, timeout=30)
    value = json.loads(path.read_bytes())
    assert isinstance(value, dict)
    return value
