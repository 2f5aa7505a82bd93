"""Handing a group's folder over to the containers' uid, without being led out of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from openclaw.containers.handover import hand_over

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can hand files over")

UID = 64321


def owner(path: Path) -> int:
    return path.stat(follow_symlinks=False).st_uid


def test_the_folder_and_all_below_it_change_hands(tmp_path: Path) -> None:
    inner = tmp_path / "group" / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "file").touch()

    hand_over(tmp_path / "group", UID)

    assert {owner(path) for path in (tmp_path / "group", inner.parent, inner, inner / "file")} == {UID}
    assert owner(tmp_path) == 0


def test_a_link_changes_hands_and_what_it_points_to_does_not(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    group = tmp_path / "group"
    group.mkdir()
    (group / "to-file").symlink_to(outside / "file")
    (group / "to-directory").symlink_to(outside)

    hand_over(group, UID)

    assert owner(group / "to-file") == owner(group / "to-directory") == UID
    assert owner(outside) == owner(outside / "file") == 0
