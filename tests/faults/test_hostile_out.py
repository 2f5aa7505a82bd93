"""Whatever lies in `out/`: it is told with the reason, followed nowhere, waited for never, and costs its container.

The long form has heaps of a million files; the table is printed by `python -m tests.faults.hostile_out`.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest

from openclaw.containers.reception import MAX_ENTRIES, PER_TURN
from openclaw.message import frame_name
from tests.faults.hostile_out import SECRET, Attack, attacks, channels, suffer
from tests.support.heard import Heard, listen, write

LONG: Final = os.environ.get("OPENCLAW_FAULTS") == "long"
FILES: Final = 1_000_000 if LONG else 4500
MAX_READ: Final = 128 * 1024
"""Bytes that may be read of an attack before its container is given up: two pieces of a stream."""
MAX_LOOKED_AT: Final = MAX_ENTRIES + 2 * PER_TURN
"""Names that may be looked at; what all this costs in time the program shows."""
BLOCKED_MS: Final = 20_000.0
"""What waits for another process waits for ever; a machine that does much else is slow, but not so slow."""


@pytest.fixture
def place() -> Iterator[Path]:
    """In memory where that can be: to make a million files takes minutes on some disks."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="openclaw-out-", dir=memory) as place:
        yield Path(place)


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many names were taken from each folder that this thread has looked into."""
    counts: list[int] = []
    scandir, me = os.scandir, threading.get_ident()

    @contextmanager
    def counting(path: int | str) -> Iterator[Iterator[os.DirEntry[str]]]:
        def counted(entries: Iterator[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
            for entry in entries:
                counts[-1] += 1
                yield entry

        with scandir(path) as entries:
            if threading.get_ident() == me:
                counts.append(0)
                yield counted(entries)
            else:
                yield entries

    monkeypatch.setattr(os, "scandir", counting)
    return counts


@pytest.mark.parametrize("attack", attacks(), ids=lambda attack: attack.name)
def test_an_attack_is_told_costs_little_and_reaches_nothing(
    place: Path, attack: Attack, looked_at: list[int], record_property: Callable[[str, object], None]
) -> None:
    with channels(place) as made:
        bystander, heard = made.create("bystander"), Heard()
        bystander.send("request", "m1", {})
        listen(bystander, heard)
        before = _descriptors()

        cost = suffer(made, place, attack, FILES)

        record_property("ms", round(cost.cpu, 2))
        assert attack.told in cost.told
        assert (cost.told == "") == (attack.told == "")
        assert cost.delivered == 0 or not attack.told
        assert cost.read <= MAX_READ
        assert max(looked_at) <= MAX_LOOKED_AT
        assert cost.wall <= BLOCKED_MS
        assert (place / "secret").read_text() == SECRET
        write(bystander, "response", "m1", '{"status": "done", "text": "honest"}')
        assert heard.frame().body["text"] == "honest"
        bystander.destroy()
    assert sorted(path.name for path in place.iterdir()) == ["channels", "secret"]
    assert _descriptors() <= before


def _descriptors() -> int:
    """Those of files in use; the watcher's own and the bystander's are closed in the end."""
    return len(os.listdir("/proc/self/fd"))


ROUNDS: Final = 3000 if LONG else 150


@pytest.mark.parametrize("other", ["link", "hard link", "fifo", "folder"])
def test_what_is_swapped_while_it_is_read_is_honest_or_refused(place: Path, other: str) -> None:
    """A container renames an honest frame and something else over each other as fast as it can."""
    with channels(place) as made:
        for number in range(ROUNDS // 10):
            channel = made.create(f"c{number}")
            channel.send("request", "m1", {})
            with closing(_Swapper(channel.path / "out", place / "secret", other)):
                for _ in range(10):
                    heard = Heard()
                    listen(channel, heard)
                    while not heard.frames.empty():
                        assert heard.frame().body == {"text": "honest"}
                    if not heard.violations.empty():
                        assert "m1.response.json" in heard.violation()
            channel.destroy()


class _Swapper:
    """A thread that swaps an honest `m1.response.json` and another thing until it is closed."""

    def __init__(self, out: Path, secret: Path, other: str) -> None:
        self._out, self._secret, self._other = out, secret, other
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._swap()
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._swap()

    def _swap(self) -> None:
        name = self._out / frame_name("response", "m1")
        hidden = self._out / ".hidden"
        hidden.write_text('{"text": "honest"}')
        hidden.rename(name)
        name.rename(hidden)
        hidden.unlink()
        if self._other == "link":
            hidden.symlink_to(self._secret)
        elif self._other == "hard link":
            hidden.hardlink_to(self._secret)
        elif self._other == "fifo":
            os.mkfifo(hidden)
        else:
            hidden.mkdir()
        hidden.rename(name)
        name.rename(hidden)
        (hidden.rmdir if self._other == "folder" else hidden.unlink)()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()


def test_what_is_rewritten_after_the_claim_changes_nothing(place: Path) -> None:
    with channels(place) as made:
        channel, heard = made.create("c1"), Heard()
        channel.send("request", "m1", {})
        listen(channel, heard)
        out = channel.path / "out"
        (out / ".mine").write_text('{"text": "first"}')
        with open(out / ".mine", "r+b", buffering=0) as mine:  # and so it stays open, whatever it is called
            (out / ".mine").rename(out / "m1.response.json")
            taken = heard.frame()
            mine.write(b'{"text": "later"}')
            write(channel, "response", "m1", '{"text": "once more"}')
            channel.forget("m1")
            mine.write(b"x" * 1_000_000)
            channel.send("request", "m2", {})
            write(channel, "response", "m2", '{"text": "second"}')
            assert heard.frame().body == {"text": "second"}
        assert taken.body == {"text": "first"}
        assert heard.frames.empty()
        channel.destroy()
