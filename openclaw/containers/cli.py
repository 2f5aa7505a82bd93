"""The one place that runs the engine's command line program.

May be called from any thread: each call is a process group of its own with closed stdin, bounded output and a timeout,
after which the whole group gets SIGKILL. What the engine really did by then is for the caller to look up. That a call's
output or its process ends is an event: nothing is polled.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Final, NamedTuple

from openclaw.errors import EngineDown, EngineOverdue, EngineUnavailable

LOOK_TIMEOUT: Final = 10.0
"""Seconds for a call that changes nothing; `docker ps` with 100 containers takes 0.03."""
KILL_TIMEOUT: Final = 5.0
OUTPUT_LIMIT: Final = 4 * 1024 * 1024
"""Bytes kept of each stream; `docker ps` writes about 300 for a container. The rest is read and dropped."""

_UNREACHABLE = re.compile(
    r"cannot connect to the docker daemon|error during connect|permission denied while trying to connect"
    r"|failed to connect to the docker api|is the docker daemon running|connection refused|connection reset by peer",
    re.I,
)
_PERMISSION = re.compile(r"permission denied while trying to connect", re.I)
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD")


class Output(NamedTuple):
    """What a call came to. Streams are decoded as UTF-8, without the last line's end, at most OUTPUT_LIMIT long."""

    code: int
    stdout: str
    stderr: str


class Cli:
    """Runs `program` (a name on PATH or a path) with the variables of `environ` that are no secrets."""

    def __init__(self, program: str, environ: Mapping[str, str] | None = None) -> None:
        self.program = program
        given = os.environ if environ is None else environ
        self.environ: Final = {name: value for name, value in given.items() if not _SECRET.search(name)}
        self._lock = threading.Lock()
        # Guarded by _lock: both. A process in _running is not reaped, so that its pid is its own.
        self._running: set[subprocess.Popen[bytes]] = set()
        self._aborted = False

    def run(self, args: Sequence[str], timeout: float = LOOK_TIMEOUT) -> Output:
        """Run `program args` to its end.

        A code other than 0 is the caller's to judge. Raises EngineOverdue after `timeout` seconds, EngineUnavailable
        where the program is missing or reaches no engine, or after `abort`.
        """
        process = self.spawn(args)
        try:
            self._enlist(process)
            streams = _read_to_end(process, time.monotonic() + timeout)
        except TimeoutError:
            raise EngineOverdue(f"{self.program} {args[0]} did not return within {timeout:g} s") from None
        except OSError as error:
            raise EngineUnavailable(f"{self.program} cannot be followed: {error.strerror}") from error
        finally:
            with self._lock:
                self._running.discard(process)
            end(process)
        if self._aborted and process.returncode == -signal.SIGKILL:
            raise EngineUnavailable(f"{self.program} {args[0]} was broken off: the service is stopping")
        stdout, stderr = (data.decode(errors="replace").strip("\r\n") for data in streams)
        if process.returncode != 0 and _UNREACHABLE.search(stderr):
            raise _unavailable(stderr)
        return Output(process.returncode, stdout, stderr)

    def abort(self) -> None:
        """Break off every call that runs, and every later one: the engine has had its time."""
        with self._lock:
            self._aborted = True
            for process in self._running:
                _kill_group(process)

    def _enlist(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._running.add(process)
            if self._aborted:
                _kill_group(process)

    def spawn(self, args: Sequence[str], stderr: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
        """Start `program args` with its output piped. The caller reads it and calls `end`."""
        try:
            return subprocess.Popen(  # audit: ok 5.1 the engine is driven by its CLI; at most 8 changes run at once
                [self.program, *args],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=self.environ,
                process_group=0,
            )
        except FileNotFoundError:
            raise EngineUnavailable(
                f"{self.program} is not installed: install Docker (Debian: apt install docker.io) or set CONTAINER_CLI"
            ) from None
        except OSError as error:
            raise EngineUnavailable(f"{self.program} cannot be run: {error.strerror}") from error


def end(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL what is left of the call's process group, reap it and close its pipes."""
    if process.poll() is None:
        _kill_group(process)
        with contextlib.suppress(OSError), _ended(process) as ended:  # else subprocess reaps it with its next child
            poll = select.poll()
            poll.register(ended, select.POLLIN)
            poll.poll(KILL_TIMEOUT * 1000)  # in an uninterruptible call it dies when that returns
        process.poll()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _read_to_end(process: subprocess.Popen[bytes], deadline: float) -> tuple[bytes, bytes]:
    """Both streams until they end and the process with them. Raises TimeoutError at `deadline` (monotonic)."""
    assert process.stdout is not None
    assert process.stderr is not None
    kept: dict[IO[bytes], bytearray] = {process.stdout: bytearray(), process.stderr: bytearray()}
    with selectors.PollSelector() as selector, _ended(process) as ended:
        for stream in kept:
            selector.register(stream, selectors.EVENT_READ, stream)
        selector.register(ended, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                data = b"" if key.data is None else os.read(key.fd, 65536)
                if data:
                    kept[key.data] += data[: OUTPUT_LIMIT - len(kept[key.data])]
                else:
                    selector.unregister(key.fileobj)
    return bytes(kept[process.stdout]), bytes(kept[process.stderr])


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[int]:
    """A descriptor that is readable once `process`, which nobody has reaped, has ended."""
    descriptor = os.pidfd_open(process.pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _unavailable(stderr: str) -> EngineUnavailable:
    if _PERMISSION.search(stderr):
        return EngineUnavailable(
            "the Docker engine's socket is not open to this user: add it to the group docker and log in again"
        )
    return EngineDown(
        f"no Docker engine answers ({stderr.splitlines()[0][:200]}): start it with `systemctl start docker`"
    )
