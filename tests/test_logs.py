"""The log: what a line looks like, what it never shows, and what happens when nobody takes it."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from openclaw import logs
from openclaw.config import load
from openclaw.errors import StartupError

log = logging.getLogger("openclaw.test")


@contextmanager
def logging_to(home: Path, stderr: int = -1, **settings: str) -> Iterator[Path]:
    """The log of a service in `home`; on leaving, all of it is in the file. stderr -1 is a closed one."""
    handle = logs.setup(load({"OPENCLAW_HOME": str(home), **settings}), stderr=stderr)
    try:
        yield home / "logs" / "app.log"
    finally:
        handle.close()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have `close` wait for a slow machine."""
    monkeypatch.setattr(logs, "FLUSH_S", 60.0)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Both ends of a pipe, which holds 64 KiB."""
    read, write = os.pipe()
    yield read, write
    os.close(read)
    os.close(write)


class Told(logging.Handler):
    """Waits for a message on the root logger; added after `setup`, it sees what the log has already taken."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text
        self._seen = threading.Event()
        logging.getLogger().addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if self._text in record.getMessage():
            self._seen.set()

    def wait(self) -> None:
        assert self._seen.wait(10), f"nothing was logged about: {self._text}"
        logging.getLogger().removeHandler(self)


def lines_of(path: Path, containing: str = "") -> list[str]:
    return [line for line in path.read_text().splitlines() if containing in line]


def test_a_line_has_a_time_a_level_and_the_message(tmp_path: Path) -> None:
    with logging_to(tmp_path) as path:
        log.info("Processing message from %s (simple query)", "Main")
    line = lines_of(path, "Processing")[0]
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \[INFO\] Processing message from Main \(simple query\)", line
    )


def test_levels_are_called_debug_info_warn_and_error(tmp_path: Path) -> None:
    with logging_to(tmp_path, LOG_LEVEL="DEBUG") as path:
        for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
            log.log(level, "level %d", level)
    found = re.findall(r"\[(\w+)\] level (\d+)", path.read_text())
    assert found == [("DEBUG", "10"), ("INFO", "20"), ("WARN", "30"), ("ERROR", "40"), ("ERROR", "50")]


def test_what_is_below_the_level_is_left_out(tmp_path: Path) -> None:
    with logging_to(tmp_path, LOG_LEVEL="WARN") as path:
        log.info("not this")
        log.warning("but this")
    assert "not this" not in path.read_text()
    assert lines_of(path, "but this")


def test_a_message_cannot_forge_a_line_or_steer_a_terminal(tmp_path: Path) -> None:
    with logging_to(tmp_path) as path:
        log.info("a\nb\rc\x1b[2Jd\x9be\u2028f\u202eg\udc80h")
    assert lines_of(path, "[INFO]")[0].endswith(r"a\nb\rc\x1b[2Jd\x9be\u2028f\u202eg\udc80h")


def test_a_traceback_is_indented_so_that_it_belongs_to_its_line(tmp_path: Path) -> None:
    with logging_to(tmp_path) as path:
        try:
            raise ValueError("first\n2026-01-01 00:00:00,000 [ERROR] forged\x1b")
        except ValueError:
            log.exception("it failed")
    start = lines_of(path).index(lines_of(path, "it failed")[0])
    trace = lines_of(path)[start + 1 : start + 6]
    assert trace[0] == "    Traceback (most recent call last):"
    assert trace[-1] == r"    2026-01-01 00:00:00,000 [ERROR] forged\x1b"


def test_json_is_one_object_a_line(tmp_path: Path) -> None:
    with logging_to(tmp_path, LOG_FORMAT="json") as path:
        try:
            raise ValueError("why")
        except ValueError:
            log.exception("two\nlines \u2028 and é")
    event = next(value for value in map(json.loads, lines_of(path)) if value["logger"] == log.name)
    assert event["level"] == "ERROR"
    assert event["message"] == "two\nlines \u2028 and é"
    assert event["traceback"].endswith("ValueError: why")
    assert event["time"].endswith("+00:00")


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_configured_secrets_never_show_not_even_in_a_traceback(tmp_path: Path, form: str) -> None:
    key, token = "sk-ant-0123456789", 'to"k\\en/with+signs'
    with logging_to(tmp_path, LOG_FORMAT=form, ANTHROPIC_API_KEY=key, OPENCLAW_TOKEN=token) as path:
        log.info("key %s, token %r in %s", key, token, {"token": token})
        try:
            raise ValueError(f"refused: {key} {token}")
        except ValueError:
            log.exception("it failed", stack_info=True)
    text = path.read_text()
    assert "[redacted]" in text
    for part in ("0123456789", "with+signs"):
        assert part not in text


def test_a_value_too_short_to_be_a_secret_does_not_blank_out_words(tmp_path: Path) -> None:
    with logging_to(tmp_path, OPENCLAW_TOKEN="main") as path:
        log.info("the main group")
    assert lines_of(path, "the main group")


def test_a_huge_message_is_cut_and_a_secret_across_the_cut_is_not_halved(tmp_path: Path) -> None:
    key = "sk-ant-0123456789"
    with logging_to(tmp_path, ANTHROPIC_API_KEY=key) as path:
        log.info("%s%s%s", "x" * (logs.MAX_TEXT - 5), key, "y" * 1000)
    line = lines_of(path, "xxx")[0]
    assert line.endswith("more characters)")
    assert "sk-an" not in line


def test_arguments_that_do_not_fit_are_told_and_raise_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's own handler would raise
    with logging_to(tmp_path) as path:
        log.info("count %d", "many")
    assert "its arguments do not fit" in lines_of(path, "count %d")[0]


def test_the_same_lines_go_to_stderr(tmp_path: Path, pipe: tuple[int, int]) -> None:
    read, write = pipe
    with logging_to(tmp_path, stderr=write) as path:
        log.warning("seen twice")
    assert os.read(read, 65536).decode() == path.read_text()


def test_a_stderr_that_nobody_reads_holds_up_neither_the_caller_nor_the_file(tmp_path: Path) -> None:
    script = (
        "import logging, os, sys; from openclaw import logs; from openclaw.config import load\n"
        "handle = logs.setup(load(dict(os.environ)))\n"
        "for number in range(5000): logging.getLogger('openclaw').info('line %d %s', number, 'x' * 100)\n"
        "handle.close(); print('closed')\n"
    )
    environ = {**os.environ, "OPENCLAW_HOME": str(tmp_path), "PYTHONPATH": os.getcwd()}
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ, text=True
    ) as child:
        assert child.wait(timeout=60) == 0  # nobody has read its stderr, which takes 64 KiB
        assert child.stdout is not None
        assert child.stdout.read() == "closed\n"
    assert len(lines_of(tmp_path / "logs" / "app.log", "line ")) == 5000


def test_lines_beyond_the_queue_are_counted_and_told_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pipe: tuple[int, int]
) -> None:
    monkeypatch.setattr(logs, "QUEUE_SIZE", 10)
    read, write = pipe
    os.set_blocking(read, False)
    handle = logs.setup(load({"OPENCLAW_HOME": str(tmp_path)}), stderr=write)
    for number in range(50):  # each larger than the pipe, so that the writer stands still in the first of them
        log.info("%d %s", number, "\x1b" * logs.MAX_TEXT)
    closing = threading.Thread(target=handle.close)
    closing.start()
    os.set_blocking(read, True)
    text = b""
    while b"did not reach stderr" not in text:
        text += os.read(read, 65536)
    closing.join(10)
    lost = re.search(rb"\[WARN\] (\d+) log lines did not reach stderr", text)
    assert lost is not None
    assert int(lost[1]) + len(re.findall(rb"\[INFO\]", text)) == 50


def test_a_file_that_cannot_be_written_is_told_once_on_stderr(tmp_path: Path, pipe: tuple[int, int]) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "app.log").symlink_to("/dev/full")
    read, write = pipe
    with logging_to(tmp_path, stderr=write):
        told = Told("app.log cannot be written")
        for number in range(20):
            log.info("line %d", number)
        told.wait()
    text = os.read(read, 65536).decode()
    assert len(re.findall(r"\[INFO\] line", text)) == 20
    assert len(re.findall("cannot be written: No space left on device", text)) == 1


def test_a_broken_stderr_is_told_once_in_the_file(tmp_path: Path) -> None:
    with logging_to(tmp_path, stderr=-1) as path:
        told = Told("stderr cannot be written")
        for number in range(20):
            log.info("line %d", number)
        told.wait()
    assert len(lines_of(path, "[INFO] line")) == 20
    assert len(lines_of(path, "stderr cannot be written")) == 1


def test_the_file_is_rotated_by_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FILE_BYTES", 1000)
    monkeypatch.setattr(logs, "FILE_COUNT", 2)
    with logging_to(tmp_path) as path:
        for number in range(100):
            log.info("line %d", number)
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["app.log", "app.log.1", "app.log.2"]
    assert max(entry.stat().st_size for entry in path.parent.iterdir()) <= 1000


def test_a_file_that_cannot_be_opened_stops_the_start_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    with pytest.raises(StartupError, match=r"app\.log cannot be written"):
        logs.setup(load({"OPENCLAW_HOME": str(tmp_path)}))


def test_whole_addresses_that_the_http_library_would_log_are_kept_out(tmp_path: Path) -> None:
    with logging_to(tmp_path, LOG_LEVEL="DEBUG") as path:
        logging.getLogger("urllib3.connectionpool").warning("Failed to parse headers (url=http://h/?key=hidden)")
    assert "hidden" not in path.read_text()


def test_after_close_the_root_logger_is_as_it_was(tmp_path: Path) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    with logging_to(tmp_path, LOG_LEVEL="DEBUG"):
        assert root.level == logging.DEBUG
    assert (root.level, list(root.handlers)) == before
