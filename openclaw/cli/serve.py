"""`openclaw serve`: the service in the foreground, until SIGINT, SIGTERM or SIGHUP.

Runs on the main thread, which only waits for the thread "signals". That one is told of each signal by its number,
through a pipe that the interpreter writes to: a handler, which has to run on the main thread, can come too late for a
wait that it should end. A second SIGINT or SIGTERM ends the process as it stands, with a line
on stderr that says so.
"""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import select
import signal
import sys
import threading

from openclaw import logs
from openclaw.cli import private_memory
from openclaw.config import Config
from openclaw.errors import StopAsked
from openclaw.http.session import check_authorities
from openclaw.service import Manager, Service, exposure

log = logging.getLogger(__name__)

MAX_OPEN_FILES = 65_536
"""Descriptors that the process asks for; the usual 1024 are fewer than 100 containers and their callers need."""

_ENDED = (
    b"openclaw: asked twice, so it ends at once. Nothing accepted is lost: containers work on, and the next start takes"
    b" them over; turns of plain processes end, and are tried once more\n"
)

_END = (signal.SIGINT, signal.SIGTERM)


def run(config: Config) -> int:
    """Serve until a signal says to stop. Raises StartupError where the service cannot start, ConfigError where a
    setting makes no sense here."""
    check_authorities(config.ssl_cert_file)
    stop = threading.Event()
    _listen_for_signals(stop)
    _raise_open_files()
    manager = Manager(os.environ)
    written = logs.setup(config)
    try:
        private_memory.keep()
        for warning in config.warnings:
            log.warning(warning)
        service = Service(config, manager, stop=stop)
        service.start()
        for doubt in exposure.doubts(config.home):  # a new home is made by now
            log.warning(doubt)
        where = f"runtime {service.runtime_kind}, engine {config.engine}"
        _say(f"openclaw ready on {service.http.url} ({where})")
        manager.ready()
        stop.wait()
        service.stop()
    except StopAsked as asked:
        log.info("Stopped: %s", asked)
    finally:
        written.close()
    return 0


def _say(line: str) -> None:
    """Nobody needs to read it: whoever does not is served all the same."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC), sys.stdout.fileno())
        log.info("%s", line)


def _say_last(line: bytes) -> None:
    """To the descriptor itself, since the log's threads may write no more; not where nobody reads what is there."""
    poll = select.poll()
    poll.register(2, select.POLLOUT)
    with contextlib.suppress(OSError):
        if any(events & select.POLLOUT for _, events in poll.poll(0)):
            os.write(2, line)


def _listen_for_signals(stop: threading.Event) -> None:
    """Have `stop` set by the first signal. No signal is blocked: every child process would inherit that."""
    numbers, interpreters_end = os.pipe()
    os.set_blocking(interpreters_end, False)
    signal.set_wakeup_fd(interpreters_end)
    hangup = () if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else (signal.SIGHUP,)  # ignored: by nohup
    for number in (*_END, *hangup):
        signal.signal(number, lambda *_: None)
    threading.Thread(target=_obey, args=(numbers, stop), name="signals", daemon=True).start()


def _obey(numbers: int, stop: threading.Event) -> None:
    """A hangup does not count as one of two requests to end: a terminal that is closed may send several."""
    asked = False
    while True:
        (number,) = os.read(numbers, 1)
        if number in _END and asked:
            _say_last(_ENDED)
            os._exit(1)  # as in a power cut: nothing accepted is lost, and the next start takes over what still works
        asked = asked or number in _END
        stop.set()


def _raise_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, MAX_OPEN_FILES)  # Linux has no unlimited number of them
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
