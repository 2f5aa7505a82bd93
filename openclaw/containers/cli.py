"""The one place that runs the engine's command line program.

May be called from any thread: each call is a process group of its own with closed stdin, bounded output and a timeout,
after which the whole group gets SIGKILL. What the engine really did by then is for the caller to look up. Output goes
to files in memory, so that the one thing that wakes us is that the process has ended: nothing is polled.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Final, NamedTuple, Self

from openclaw.errors import EngineDown, EngineOverdue, EngineUnavailable

LOOK_TIMEOUT: Final = 10.0
"""Seconds for a call that changes nothing; `docker ps` with 100 containers takes 0.03."""
KILL_TIMEOUT: Final = 5.0
OUTPUT_LIMIT: Final = 4 * 1024 * 1024
"""Bytes that a call may write to each stream, or it fails; `docker ps` writes about 300 for a container."""

_UNREACHABLE = re.compile(
    r"cannot connect to the docker daemon|error during connect|permission denied while trying to connect"
    r"|failed to connect to the docker api|is the docker daemon running|connection refused|connection reset by peer",
    re.I,
)
_PERMISSION = re.compile(r"permission denied while trying to connect", re.I)
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASS(?:W|PHRASE)|CREDENTIAL|AUTH_CONFIG", re.I)


class Output(NamedTuple):
    """What a call came to. Streams are decoded as UTF-8, without the last line's end."""

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
        try:
            with _Written() as stdout, _Written() as stderr:
                code = self._run_to_end(args, stdout.fd, stderr.fd, timeout)
                output = Output(code, stdout.text(), stderr.text())
        except OSError as error:
            raise EngineUnavailable(f"{self.program} cannot be followed: {error.strerror}") from error
        if self._aborted and code == -signal.SIGKILL:
            raise EngineUnavailable(f"{self.program} {args[0]} was broken off: the service is stopping")
        if code != 0 and _UNREACHABLE.search(output.stderr):
            raise _unavailable(output.stderr)
        return output

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

    def _run_to_end(self, args: Sequence[str], stdout: int, stderr: int, timeout: float) -> int:
        """The call's exit code, negative for a signal. Raises EngineOverdue, EngineUnavailable and OSError."""
        process = self.spawn(args, stdout, stderr)
        try:
            self._enlist(process)
            if not _wait(process, timeout):
                raise EngineOverdue(f"{self.program} {args[0]} did not return within {timeout:g} s")
        finally:
            with self._lock:
                self._running.discard(process)
            end(process)
        return process.returncode

    def spawn(
        self, args: Sequence[str], stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE
    ) -> subprocess.Popen[bytes]:
        """Start `program args`. The caller reads what is piped and calls `end`."""
        try:
            return subprocess.Popen(  # audit: ok 5.1 the engine is driven by its CLI; at most 8 changes run at once
                [self.program, *args],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
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
    if process.returncode is None:  # nobody has reaped it, so that its pid is its own
        _kill_group(process)
        with contextlib.suppress(OSError):  # else subprocess reaps it with its next child
            _wait(process, KILL_TIMEOUT)  # in an uninterruptible call it dies when that returns
        process.poll()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


class _Written:
    """A file in memory that takes OUTPUT_LIMIT bytes; the kernel refuses more (fcntl(2), F_SEAL_GROW).

    Its writers share our position, which tells how much they wrote. One that opens it anew, as by `>/dev/stderr`, is
    refused: that would empty it (F_SEAL_SHRINK).
    """

    def __init__(self) -> None:
        self.fd = os.memfd_create("output", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(self.fd, OUTPUT_LIMIT)
            fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
        except OSError:
            os.close(self.fd)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.fd)

    def text(self) -> str:
        written = min(os.lseek(self.fd, 0, os.SEEK_CUR), OUTPUT_LIMIT)
        return os.pread(self.fd, written, 0).decode(errors="replace").strip("\r\n")


def _wait(process: subprocess.Popen[bytes], timeout: float) -> bool:
    """Whether `process`, which is left to be reaped, ends within `timeout` seconds. Raises OSError."""
    with _ended(process) as ended:
        poll = select.poll()
        poll.register(ended, select.POLLIN)
        return bool(poll.poll(timeout * 1000))


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
