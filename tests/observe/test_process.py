"""What the process tells of itself."""

from __future__ import annotations

import errno
import os
import resource

import pytest

from openclaw.observe.process import open_descriptors


def test_each_descriptor_that_is_open_is_counted() -> None:
    before = open_descriptors()
    ends = os.pipe()
    assert open_descriptors() == before + 2
    for end in ends:
        os.close(end)
    assert open_descriptors() == before


def test_where_none_is_left_to_look_with_all_are_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(_: str) -> list[str]:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("os.listdir", none_left)
    assert open_descriptors() == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
