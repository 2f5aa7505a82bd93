"""What is read, and what is named and passed over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from openclaw.audit.run import audit
from openclaw.audit.sources import MAX_BYTES

SLOW = "import requests\nrequests.get('http://x')\n"


def reasons(*paths: Path) -> dict[str, str]:
    return {os.path.basename(passed.path): passed.reason for passed in audit([str(path) for path in paths]).passed}


def test_a_syntax_error_is_named_and_costs_the_other_files_nothing(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def f(:\n")
    (tmp_path / "good.py").write_text(SLOW)
    result = audit([str(tmp_path)])

    assert [passed.reason for passed in result.passed] == ["syntax error, line 1: invalid syntax"]
    assert [finding.rule for finding in result.findings] == ["no_timeout"]


def test_other_encodings_are_read_where_they_are_declared(tmp_path: Path) -> None:
    (tmp_path / "declared.py").write_bytes("# coding: latin-1\nname = 'señor'\n".encode("latin-1") + SLOW.encode())
    (tmp_path / "silent.py").write_bytes("name = 'señor'\n".encode("latin-1"))
    (tmp_path / "binary.py").write_bytes(b"\0\1\2")

    assert set(reasons(tmp_path)) == {"silent.py", "binary.py"}
    assert len(audit([str(tmp_path)]).findings) == 1


def test_a_file_of_ten_megabytes_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "data.py").write_bytes(b"x = 1\n" * (10_000_000 // 6))

    assert reasons(tmp_path) == {"data.py": f"larger than {MAX_BYTES // 1_000_000} MB"}


def test_loops_of_links_end_and_a_file_with_two_names_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "slow.py").write_text(SLOW)
    (tmp_path / "again.py").symlink_to(tmp_path / "a" / "slow.py")
    (tmp_path / "loop.py").symlink_to(tmp_path / "loop.py")
    result = audit([str(tmp_path), str(tmp_path / "a")])

    assert len(result.findings) == 1
    assert [passed.reason for passed in result.passed] == ["Too many levels of symbolic links"]


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)

    assert reasons(tmp_path) == {"closed": "Permission denied"}


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")

    assert reasons(tmp_path) == {"pipe.py": "not a regular file"}


def test_code_that_is_nested_beyond_reason_is_named(tmp_path: Path) -> None:
    (tmp_path / "deep.py").write_text("x = " + "(" * 5000 + ")" * 5000 + "\n")
    (tmp_path / "sum.py").write_text("x = " + "+".join(["1"] * 20_000) + "\n")

    assert "deep.py" in reasons(tmp_path)
