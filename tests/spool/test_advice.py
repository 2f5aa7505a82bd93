"""Errors of the disk, with what to do about them."""

from __future__ import annotations

import errno
import os

import pytest

from openclaw.errors import FileRefused
from openclaw.spool import with_advice


@pytest.mark.parametrize(
    ("code", "what_to_do"),
    [
        (errno.ENOSPC, "free some disk space"),
        (errno.EROFS, "mount the file system for writing"),
        (errno.EIO, "look at dmesg"),
        (errno.EMFILE, "raise the limit of open files (ulimit -n)"),
    ],
)
def test_an_error_says_what_happened_why_and_what_to_do(code: int, what_to_do: str) -> None:
    told = with_advice("work/a.json could not be stored", OSError(code, os.strerror(code), "a.json"))

    assert told.startswith(f"work/a.json could not be stored: {os.strerror(code)}; ")
    assert what_to_do in told
    assert "send" not in told  # it may be kept, and written later: whoever obeyed would have two


def test_one_for_which_there_is_no_advice_says_what_happened_and_why() -> None:
    assert with_advice("it cannot be read", OSError(errno.EXDEV, "Invalid link")) == "it cannot be read: Invalid link"


def test_an_error_of_ours_has_its_own_words() -> None:
    assert with_advice("it cannot be read", FileRefused("it is a FIFO")) == "it cannot be read: it is a FIFO"
