"""Where a path leads: as the kernel would have it while it stays below the roots, and out of them without a look."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from openclaw.agents import link_walk as module
from openclaw.agents.link_walk import Led, Root, follow, parts_of

Walk = Callable[..., Led]


@pytest.fixture
def ground(tmp_path: Path) -> Path:
    """Two roots, `one` and `two`, which is also called `second`; and what lies beside them."""
    for folder in ("one/a/b", "two/c", "beside"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "one/file").touch()
    (tmp_path / "second").symlink_to("two")
    return tmp_path


@pytest.fixture
def walk(ground: Path) -> Walk:
    roots = [Root(parts_of(ground / "one")), Root(parts_of(ground / "two"), (parts_of(ground / "second"),))]

    def walk(path: str, *, between: bool = True) -> Led:
        return follow(parts_of(ground / path), roots, between=between)

    return walk


@pytest.mark.parametrize("path", ["one", "one/a/b", "one/file", "two/c", "second/c", "second"])
def test_what_lies_in_a_root_by_its_name_is_found(walk: Walk, ground: Path, path: str) -> None:
    assert walk(path) == walk(path, between=False) == Led(Path(os.path.realpath(ground / path)))


@pytest.mark.parametrize("path", ["one/nothing", "one/a/nothing/b", "one/file/x", "one/" + "x" * 300, "one/\0"])
def test_what_is_not_there_is_said_to_be_missing(walk: Walk, path: str) -> None:
    assert walk(path) == Led(None)


@pytest.mark.parametrize("path", ["beside", "nothing", "one-more", "", "beside/../one"])
def test_what_lies_in_none_is_out(walk: Walk, path: str) -> None:
    assert walk(path) == Led(out=True)


@pytest.mark.parametrize(
    "link",
    [
        *("b", "./b/", "../a/b", "b/../b/.././b", "b/../../file", "../a/../../one/a", "../../two/c"),
        *("GROUND/two/c", "GROUND/second/c", "GROUND/one/a/../../two", "../../second/c/.."),
    ],
)
def test_a_link_that_stays_in_the_roots_leads_where_the_kernel_says(walk: Walk, ground: Path, link: str) -> None:
    (ground / "one/a/link").symlink_to(link.replace("GROUND", str(ground)))

    assert walk("one/a/link") == Led(Path(os.path.realpath(ground / "one/a/link", strict=True)))


@pytest.mark.parametrize(
    "link",
    [
        *("../..", "../../beside", "GROUND/beside/../one/a", "../../beside/../one/a", "/", "/proc/self/cwd"),
        *("../../../../../../../../../..", "b/../../../beside/../one", "b/../../../nothing"),
    ],
)
def test_a_link_that_leaves_them_is_out_though_it_may_come_back(walk: Walk, ground: Path, link: str) -> None:
    (ground / "one/a/link").symlink_to(link.replace("GROUND", str(ground)))

    assert walk("one/a/link") == walk("one/a/link/b") == Led(out=True)


@pytest.mark.parametrize("link", ["../../two/c", "../../one/a/b", "GROUND/one/a/b", "GROUND/two", "b/../../../one"])
def test_of_one_root_no_link_may_leave_even_to_come_back(walk: Walk, ground: Path, link: str) -> None:
    (ground / "one/a/link").symlink_to(link.replace("GROUND", str(ground)))

    assert walk("one/a/link", between=False) == Led(out=True)


def test_a_file_has_nothing_above_it(walk: Walk, ground: Path) -> None:
    (ground / "one/a/link").symlink_to("../file/../a")

    assert walk("one/a/link") == Led(None)


def test_links_without_an_end_lead_nowhere(walk: Walk, ground: Path) -> None:
    (ground / "one/circle").symlink_to("circle")
    (ground / "one/up-and-down").symlink_to("a/../" * 800 + "up-and-down")
    for number in range(module.MAX_LINKS + 1):
        (ground / f"one/link-{number}").symlink_to(f"link-{number + 1}" if number < module.MAX_LINKS else "file")

    assert walk("one/circle") == walk("one/up-and-down") == walk("one/link-0") == Led(None)
    assert walk("one/link-1") == Led(ground / "one/file")


def test_a_root_that_has_become_a_link_leads_nowhere(walk: Walk, ground: Path) -> None:
    (ground / "one").rename(ground / "was")
    (ground / "one").symlink_to("was")

    assert walk("one") == walk("one/a") == Led(None)


def test_a_process_that_has_no_descriptor_left_is_told(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(OSError, match="Too many open files"):
        walk("one")


def test_no_descriptor_is_left_behind(walk: Walk, ground: Path) -> None:
    (ground / "one/out").symlink_to("/")
    (ground / "one/in").symlink_to("a/b")
    before = len(os.listdir("/proc/self/fd"))

    for path in ("one/a/b", "one/nothing", "one/out", "one/in", "beside", "one/file/x"):
        walk(path)

    assert len(os.listdir("/proc/self/fd")) == before
