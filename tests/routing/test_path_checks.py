"""Paths that agents name, looked at by a few threads: whoever asks is answered once, and never waits."""

from __future__ import annotations

import errno
import queue
import threading
from collections.abc import Sequence

import pytest

from openclaw.errors import CallRefused, MountRefused
from openclaw.routing import path_checks as module
from openclaw.routing.path_checks import AT_ONCE, PathChecks

Answers = queue.Queue[tuple[str, str]]


class Disk:
    """Refuses by the paths' names; what lies on /dead is not answered before `answers`."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.begun: queue.Queue[str] = queue.Queue()

    def check(self, _group: str, paths: Sequence[str]) -> None:
        self.begun.put(paths[0])
        match paths[0]:
            case "/dead":
                assert self.answers.wait(30)
            case "/etc":
                raise MountRefused("/etc cannot be mounted")
            case "/full":
                raise OSError(errno.EMFILE, "Too many open files")
            case "/broken":
                raise ZeroDivisionError("a mistake of ours")


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def checks(disk: Disk) -> PathChecks:
    return PathChecks(disk.check)


@pytest.fixture
def answers() -> Answers:
    return queue.Queue()


def begin(checks: PathChecks, answers: Answers, path: str) -> None:
    def then(refusal: CallRefused | None) -> None:
        answers.put((path, "" if refusal is None else str(refusal)))

    checks.begin("main", [path], then)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/srv", ""),
        ("/etc", "/etc cannot be mounted"),
        ("/full", "the paths cannot be looked at: Too many open files; try again"),
        ("/broken", "the paths could not be checked: a mistake of ours"),
    ],
)
def test_who_asks_is_told_what_is_found(checks: PathChecks, answers: Answers, path: str, said: str) -> None:
    begin(checks, answers, path)

    assert answers.get(timeout=10) == (path, said)


def test_a_few_are_looked_at_at_once_and_the_others_wait_in_line(
    checks: PathChecks, answers: Answers, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 3)
    for _ in range(AT_ONCE):
        begin(checks, answers, "/dead")
        assert disk.begun.get(timeout=10) == "/dead"
    for path in ("/srv", "/etc", "/opt", "/late"):
        begin(checks, answers, path)

    assert answers.get(timeout=10) == ("/late", "the paths of 3 calls wait to be looked at already; try again later")
    assert disk.begun.empty()

    disk.answers.set()
    answered = [answers.get(timeout=10)[0] for _ in range(AT_ONCE + 3)]
    assert sorted(answered) == ["/dead"] * AT_ONCE + ["/etc", "/opt", "/srv"]
    assert [disk.begun.get(timeout=10) for _ in range(3)] == ["/srv", "/etc", "/opt"]


def test_an_answer_that_cannot_be_told_costs_the_next_one_nothing(checks: PathChecks, answers: Answers) -> None:
    def fails(_: CallRefused | None) -> None:
        raise ZeroDivisionError

    for _ in range(AT_ONCE + 1):
        checks.begin("main", ["/srv"], fails)
    begin(checks, answers, "/srv")

    assert answers.get(timeout=10) == ("/srv", "")


def test_where_there_is_no_thread_it_is_said_and_the_next_ones_are_served(
    checks: PathChecks, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_thread)
        for _ in range(AT_ONCE + 1):
            begin(checks, answers, "/srv")
            assert "no thread to look at the paths (can't start new thread)" in answers.get(timeout=10)[1]

    begin(checks, answers, "/srv")
    assert answers.get(timeout=10) == ("/srv", "")


def test_a_thread_that_is_missing_leaves_the_line_to_those_that_there_are(
    checks: PathChecks, answers: Answers, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    begin(checks, answers, "/dead")
    assert disk.begun.get(timeout=10) == "/dead"
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_thread)
        begin(checks, answers, "/srv")
    disk.answers.set()

    assert [answers.get(timeout=10) for _ in range(2)] == [("/dead", ""), ("/srv", "")]
