"""The log: one line an event, to logs/app.log and to stderr, with the configured secrets taken out.

Any thread logs. A line is written out in full on the thread that logs it and then only queued: each of the two
destinations has a bounded queue and a thread of its own, so that a slow disk or a stderr that nobody reads holds up
neither a request nor the other destination. What does not fit is counted and told in one WARN line. Nothing here
ever raises into the code that logs, and no failure to write is logged more than once in a row.

    2026-11-22 23:48:21,123 [INFO] message                          LOG_FORMAT=text
    {"time":"2026-11-22T22:48:21.123+00:00","level":"INFO",…}       LOG_FORMAT=json; also logger, message, traceback?
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import re
import select
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from io import TextIOWrapper
from logging.handlers import QueueHandler, QueueListener, RotatingFileHandler
from pathlib import Path
from urllib.parse import quote

from openclaw.config import Config
from openclaw.errors import StartupError

log = logging.getLogger(__name__)

FILE_BYTES = 10 * 1024 * 1024
"""Size at which app.log becomes app.log.1."""
FILE_COUNT = 5
"""Older files that are kept beside app.log."""
QUEUE_SIZE = 10_000
"""Lines that may wait for one destination."""
FLUSH_S = 2.0
"""Longest that `close` waits for the lines still queued, in seconds."""
MAX_TEXT = 16 * 1024
"""Characters of one message, and of one traceback, that are kept."""
MIN_SECRET = 6
"""A shorter value is no secret worth the name, and would blank out ordinary words."""

_LEVELS = {"DEBUG": logging.DEBUG, "INFO": logging.INFO, "WARN": logging.WARNING, "ERROR": logging.ERROR}
# What could end a line, steer a terminal or reorder the text: C0, DEL, C1, separators, bidi controls, surrogates.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Logs:
    """What `setup` made; `close` ends it."""

    def __init__(self, sinks: Sequence[_Sink], intake: QueueHandler, level: int) -> None:
        self._sinks = sinks
        self._intake = intake
        self._root = logging.getLogger()
        self._level_before = self._root.level
        self._root.setLevel(level)
        self._root.addHandler(intake)
        for sink in sinks:
            sink.start()

    def close(self) -> None:
        """Write what is queued, for FLUSH_S seconds at most, and take the handler off the root logger."""
        closers = [threading.Thread(target=sink.stop, name="log-close", daemon=True) for sink in self._sinks]
        self._sinks = ()
        for closer in closers:
            closer.start()
        for closer in closers:
            closer.join(FLUSH_S / len(closers))
        self._root.removeHandler(self._intake)
        self._root.setLevel(self._level_before)


def setup(config: Config, path: Path | None = None, stderr: int | None = None) -> Logs:
    """Send all that is logged to `path` (logs/app.log in the home) and to the descriptor `stderr` (the process's own).

    Raises StartupError where the file cannot be opened.
    """
    path = path or config.home / "logs" / "app.log"
    try:
        config.home.mkdir(mode=0o700, parents=True, exist_ok=True)  # a new one is its owner's alone
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _File(path, maxBytes=FILE_BYTES, backupCount=FILE_COUNT, encoding="utf-8")
    except OSError as error:
        advice = "make it writable, or set OPENCLAW_HOME to a folder that is"
        raise StartupError(f"{path} cannot be written ({error.strerror}): {advice}") from None
    redact = _redactor((config.anthropic_api_key, config.claude_code_oauth_token, config.openclaw_token))
    formatter = _JsonFormatter(redact) if config.log_format == "json" else _TextFormatter(redact)
    sinks = [_Sink(str(path), file, formatter)]
    if stderr is None and sys.__stderr__ is not None:  # None: started with it closed; descriptor 2 may be anything
        stderr = 2
    if stderr is not None:
        sinks.append(_Sink("stderr", _Stderr(stderr), formatter))
    # Shown nowhere, and each record would ask the kernel for it.
    logging.logProcesses = logging.logThreads = logging.logMultiprocessing = False
    # At WARNING it logs whole addresses, and those of callbacks may hold secrets in their query.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    return Logs(sinks, _Intake(sinks, formatter), _LEVELS[config.log_level])


class _TextFormatter(logging.Formatter):
    """`time [LEVEL] message`; the lines of a traceback follow, indented by four spaces."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        lines = [f"{self.formatTime(record)} [{_level(record)}] {_escape(self._clean(_message(record)))}"]
        if trace := self._traceback(record):
            lines += ["    " + _escape(line) for line in trace.split("\n")]
        return "\n".join(lines)

    def _traceback(self, record: logging.LogRecord) -> str:
        parts = []
        if record.exc_info and record.exc_info[1] is not None:
            parts.append(self.formatException(record.exc_info))
        if record.stack_info:
            parts.append(record.stack_info)
        return self._clean("\n".join(parts))

    def _clean(self, text: str) -> str:
        text = self._redact(text)  # first: a cut must not leave half a secret behind
        if len(text) > MAX_TEXT:
            return f"{text[:MAX_TEXT]}… ({len(text) - MAX_TEXT} more characters)"
        return text


class _JsonFormatter(_TextFormatter):
    """One JSON object a line, ASCII only, so that no control character gets through."""

    def format(self, record: logging.LogRecord) -> str:
        value = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": _level(record),
            "logger": record.name,
            "message": self._clean(_message(record)),
        }
        if trace := self._traceback(record):
            value["traceback"] = trace
        return json.dumps(value, separators=(",", ":"))


class _Intake(QueueHandler):
    """On the root logger: formats on the caller's thread, queues for every sink."""

    def __init__(self, sinks: Sequence[_Sink], formatter: logging.Formatter) -> None:
        super().__init__(sinks[0].queue)
        self.setFormatter(formatter)
        self._sinks = sinks

    def enqueue(self, record: logging.LogRecord) -> None:
        for sink in self._sinks:
            sink.offer(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Count it; the standard library would print the arguments, secrets included, to stderr."""
        for sink in self._sinks:
            sink.refused += 1


class _Sink(QueueListener):
    """One destination: its queue, the thread that writes, and the count of what did not get there.

    `refused` is written under the intake's lock only, `_told` and `_failing` on the sink's thread only.
    """

    def __init__(self, label: str, handler: _File | _Stderr, formatter: logging.Formatter) -> None:
        # The bound is kept by `offer`, which the intake's lock serialises, so that `stop` always finds room.
        self._lines: queue.SimpleQueue[logging.LogRecord | None] = queue.SimpleQueue()
        super().__init__(self._lines, handler)
        self.refused = 0
        self._label = label
        self._handler = handler
        self._formatter = formatter
        self._told = 0
        self._failing = False

    def offer(self, record: logging.LogRecord) -> None:
        if self._lines.qsize() < QUEUE_SIZE:
            self._lines.put(record)
        else:
            self.refused += 1

    def handle(self, record: logging.LogRecord) -> None:
        before = self._handler.failed
        self._handler.handle(record)
        if self._handler.failed == before:
            self._failing = False
            if self._lines.empty():
                self._tell_losses()
        elif not self._failing:
            self._failing = True  # told once, for the other destination to show
            log.error("%s cannot be written: %s", self._label, self._handler.reason)

    def stop(self) -> None:
        """Blocks until the queue is written, which a stalled destination makes for ever."""
        super().stop()
        self._tell_losses()
        with contextlib.suppress(OSError):  # a full disk, once more: told when it began
            self._handler.close()

    def _tell_losses(self) -> None:
        lost = self.refused + self._handler.failed - self._told
        if lost:
            self._told += lost
            text = f"{lost} log lines did not reach {self._label}: its queue was full, or it could not be written"
            record = log.makeRecord(log.name, logging.WARNING, __file__, 0, text, (), None)
            record.msg = self._formatter.format(record)
            self._handler.handle(record)


class _Counting(logging.Handler):
    """Counts what could not be written instead of printing about it to a stderr that may be the cause.

    Only its sink's thread calls `handle`, which takes no lock: at exit, logging takes every handler's lock, and must
    not wait there for a write that never returns.
    """

    failed = 0
    reason = ""

    def handle(self, record: logging.LogRecord) -> bool:
        self.emit(record)
        return True

    def format(self, record: logging.LogRecord) -> str:
        """The text, which the intake has written out."""
        return str(record.msg)

    def handleError(self, record: logging.LogRecord) -> None:
        self.failed += 1
        error = sys.exc_info()[1]
        self.reason = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


class _File(_Counting, RotatingFileHandler):
    """Keeps count of the file's size: the standard library asks the disk four things before it writes a line."""

    _size = 0
    """In characters; nearly all of them are ASCII."""

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        self._size += len(record.msg) + 1

    def shouldRollover(self, record: logging.LogRecord) -> bool:
        return self._size + len(record.msg) >= self.maxBytes

    def _open(self) -> TextIOWrapper:
        stream = super()._open()
        self._size = os.fstat(stream.fileno()).st_size
        return stream


class _Stderr(_Counting):
    """Writes to the descriptor itself: a thread stuck in sys.stderr would abort the interpreter at its exit."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def emit(self, record: logging.LogRecord) -> None:
        data = memoryview(f"{record.msg}\n".encode("utf-8", "backslashreplace"))
        try:
            while data:
                data = data[self._write(data) :]
        except OSError:
            self.handleError(record)

    def _write(self, data: memoryview) -> int:
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:  # another process that shares the terminal made it non-blocking
            poll = select.poll()
            poll.register(self._descriptor, select.POLLOUT)
            if not poll.poll(1000):
                raise
            return 0


def _level(record: logging.LogRecord) -> str:
    return next((name for name in ("ERROR", "WARN", "INFO") if record.levelno >= _LEVELS[name]), "DEBUG")


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # whatever an argument's __str__ raises: the event is still worth its line
        return f"{record.msg} (its arguments do not fit, {record.pathname}:{record.lineno})"


def _escape(text: str) -> str:
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape", "backslashreplace").decode(), text)


def _redactor(secrets: Iterable[str]) -> Callable[[str], str]:
    """A function that replaces each secret, also as repr, JSON and URLs spell it, by `[redacted]`."""
    spellings: set[str] = set()
    for secret in secrets:
        if len(secret) >= MIN_SECRET:
            spellings |= {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], quote(secret, safe="")}
    if not spellings:
        return str
    pattern = re.compile("|".join(re.escape(text) for text in sorted(spellings, key=len, reverse=True)))
    return lambda text: pattern.sub("[redacted]", text)
