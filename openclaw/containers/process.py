"""ProcessRuntime: the agent's runner as child processes, for machines without an engine. It isolates nothing.

Owns the children and one thread, "reaper", which waits for their ends and reads their output. Each child is a process
group of its own and ends at the end of its stdin, a pipe that this process holds: none outlives the service, so there
is nothing to adopt. Children get no key and none of the service's settings. A spec's mounts, network and limits do
nothing here, which the log says once.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Final, Literal

from openclaw.containers import last_words
from openclaw.containers.docker_run import config_digest
from openclaw.containers.runtime import GLOBAL_DIR, ContainerSpec, Exit, Found
from openclaw.errors import StartFailed

log = logging.getLogger(__name__)

CHECKOUT: Final = Path(__file__).resolve().parent.parent.parent
_CHUNK: Final = 65536


class _Child:
    """One child: its process, a descriptor that tells its end, and the tail of what it wrote."""

    def __init__(self, spec: ContainerSpec, process: subprocess.Popen[bytes]) -> None:
        self.spec = spec
        self.process = process
        self.pidfd = os.pidfd_open(process.pid)
        self.gone: Future[None] = Future()
        self.tail = b""
        self.asked = False
        """Whether its end is our own doing."""
        assert process.stdin is not None
        assert process.stdout is not None
        self.stdin, self.output = process.stdin, process.stdout
        os.set_blocking(self.output.fileno(), False)

    def last_words(self) -> str:
        return self.tail.decode(errors="replace").strip()

    def kill(self) -> None:
        self.asked = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def read_output(self) -> bool:
        """Read what is there, one chunk at most; False at its end."""
        try:
            data = os.read(self.output.fileno(), _CHUNK)
        except BlockingIOError:
            return True
        self.tail = (self.tail + data)[-last_words.LIMIT :]
        return bool(data)

    def reap(self) -> int:
        """Take the exit code as an engine would give it, and let go of the descriptors."""
        self.read_output()
        code = self.process.wait()
        self.stdin.close()
        self.output.close()
        os.close(self.pidfd)
        return code if code >= 0 else 128 - code


class ProcessRuntime:
    """The Runtime by child processes. `command` is the runner's, to which `--channel DIR --until-eof` is added."""

    kind: Final[Literal["process"]] = "process"

    def __init__(self, command: Sequence[str] = (sys.executable, "-P", "-m", "agent_runner")) -> None:
        self._command = tuple(command)
        self.container_uid: Final = os.getuid()
        self._on_exit: Callable[[Exit], None] = _ignore
        self._epoll = select.epoll()
        self._wake_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._epoll.register(self._wake_fd, select.EPOLLIN)
        self._lock = threading.Lock()
        # Guarded by _lock: _children by cid, _by_fd by pidfd and output, _closed, _warned. A child in _children is
        # not reaped, so that its pid is its own: signals are sent under the lock.
        self._children: dict[str, _Child] = {}
        self._by_fd: dict[int, _Child] = {}
        self._closed = False
        self._warned = False
        self._thread = threading.Thread(target=self._run, name="reaper", daemon=True)

    def open(
        self,
        on_exit: Callable[[Exit], None],
        on_engine_up: Callable[[], None],
        on_image_changed: Callable[[], None],
    ) -> None:
        self._on_exit = on_exit
        self._thread.start()

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
        os.eventfd_write(self._wake_fd, 1)
        if self._thread.is_alive():
            self._thread.join()
        for child in self._children.values():
            child.kill()
            child.reap()
            child.gone.set_result(None)
        self._epoll.close()
        os.close(self._wake_fd)

    def start(self, spec: ContainerSpec) -> Future[None]:
        done: Future[None] = Future()
        try:
            child = self._spawn(spec)
        except StartFailed as error:
            done.set_exception(error)
            return done
        done.set_result(None)
        self._warn()
        # Watched only now: the exit is told after the start.
        self._epoll.register(child.output.fileno(), select.EPOLLIN)
        self._epoll.register(child.pidfd, select.EPOLLIN)
        return done

    def kill(self, cid: str) -> Future[None]:
        self._kill(cid)
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def remove(self, cid: str, *, urgent: bool = False) -> Future[None]:
        """Done when the child is reaped."""
        child = self._kill(cid)
        if child is not None:
            return child.gone
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def list(self) -> Sequence[Found]:
        with self._lock:
            specs = [child.spec for child in self._children.values()]
        return [
            Found(spec.name, spec.role, spec.group, spec.cid, spec.message_id, self.config_digest(spec), True, None)
            for spec in specs
        ]

    def config_digest(self, spec: ContainerSpec) -> str:
        return config_digest(spec, "process", self.container_uid)

    def start_delay(self) -> float:
        return 0.0

    def place(self, name: str) -> dict[str, str]:
        """It is a process, and no container."""
        if not name:
            return {}
        with self._lock:
            pids = [child.process.pid for child in self._children.values() if child.spec.name == name]
        return {"container": "", "process": f"pid {pids[-1]}" if pids else ""}

    def problem(self) -> str:
        return ""

    def look(self) -> None:
        """Nothing to look at: a child's end cannot be missed."""

    def _spawn(self, spec: ContainerSpec) -> _Child:
        """Start a child; it is in the table, and not watched yet. Raises StartFailed."""
        try:
            child = _Child(spec, self._popen(spec))
        except OSError as error:
            raise StartFailed(f"the runner cannot be started: {error.strerror}") from error
        with self._lock:
            refused = self._closed or spec.cid in self._children
            if not refused:
                self._children[spec.cid] = child
                self._by_fd[child.pidfd] = self._by_fd[child.output.fileno()] = child
        if refused:
            child.kill()
            child.reap()
            raise StartFailed(f"{spec.name} runs already, or the service is stopping")
        return child

    def _warn(self) -> None:
        with self._lock:
            warned, self._warned = self._warned, True
        if not warned:
            log.warning(
                "Without a container engine the mounts, networks and limits of groups' settings do nothing: "
                "an agent sees and may use what this service's user may"
            )

    def _popen(self, spec: ContainerSpec) -> subprocess.Popen[bytes]:
        mounted = {mount.target: mount.source for mount in spec.mounts}
        own = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(spec.group_dir),
            "PYTHONPATH": f"{CHECKOUT / 'container'}{os.pathsep}{CHECKOUT}",
            "PYTHONUTF8": "1",
            # Nothing is mounted: what a container has at a fixed place is told by its own path.
            "OPENCLAW_GATEWAY": str(spec.channel_path / "gw" / "s"),
            "OPENCLAW_GLOBAL": str(mounted.get(GLOBAL_DIR, "")),
        }
        return subprocess.Popen(
            [*self._command, "--channel", str(spec.channel_path), "--until-eof"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=spec.group_dir,
            env={**own, **spec.env},
            process_group=0,
        )

    def _kill(self, cid: str) -> _Child | None:
        with self._lock:
            child = self._children.get(cid)
            if child is not None:
                child.kill()
            return child

    def _run(self) -> None:
        while True:
            for fd, _ in self._epoll.poll():
                if fd == self._wake_fd:
                    return
                try:
                    self._ready(fd)
                except Exception:  # the top of the thread: the other children still need a reaper
                    log.exception("a child's end could not be handled")

    def _ready(self, fd: int) -> None:
        with self._lock:
            child = self._by_fd.get(fd)
        if child is None:
            return  # it was reaped by an event before this one
        if fd != child.pidfd:
            if not child.read_output():
                self._epoll.unregister(fd)
            return
        with self._lock:
            unasked = not child.asked
            child.kill()  # what it may have left in its group
            del self._children[child.spec.cid]
            del self._by_fd[child.pidfd], self._by_fd[child.output.fileno()]
        self._epoll.unregister(child.pidfd)
        code = child.reap()
        if unasked:
            last_words.tell(child.spec.name, child.last_words())
        child.gone.set_result(None)
        self._on_exit(Exit(child.spec.cid, code, child.last_words()[-200:] if code else ""))


def _ignore(_: Exit) -> None:
    """Until somebody listens."""
