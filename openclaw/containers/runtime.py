"""The interface of a container runtime: what the agents ask for, and what they are told.

Owns nothing and starts no thread; the docker and the process runtime implement `Runtime`. A container is known by its
cid, which is never used twice. Its name, unique on one engine, is for people, and Main's next container has it again.
The runtime never retries, restarts or decides: it reports.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol

Role = Literal["main", "dedicated", "standby"]
Network = Literal["none", "bridge"]

GROUP_DIR: Final = "/workspace/group"
GLOBAL_DIR: Final = "/workspace/global"
EXTRA_DIR: Final = "/workspace/extra"
"""Where a container has its group's folder, what every group may read, and further mounts by their names."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder or file of the host, `source`, that a container has as `target`.

    `ours`: a folder of the service's own, handed over to the containers' uid where that is another one than the
    service's; a user's folder never is.
    """

    source: Path
    target: str
    readonly: bool = True
    ours: bool = False


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """One container to start.

    `channel_path` is the directory that holds `in/`, `out/` and `gw/`, `env` the runner's settings (never a key),
    `memory_mb` and `pids` the limits in MiB and in processes and threads, `cpus` in processors, of which it gets no
    more than there are. `mounts` come beside the group's folder, or lie over a part of it.
    """

    name: str
    role: Role
    group: str
    cid: str
    channel_path: Path
    group_dir: Path
    group_writable: bool
    env: Mapping[str, str]
    message_id: str = ""
    """The one message that a dedicated container serves; empty for Main's."""
    memory_mb: int = 512
    pids: int = 512
    cpus: float = 2.0
    network: Network = "none"
    mounts: tuple[Mount, ...] = ()
    places: tuple[str, ...] = ()
    """Of a subagent's: where it has each of the paths that it was given to read."""
    settings_file: tuple[int, ...] = ()
    """Which file was the group's settings when this was made, for the agents to compare; no runtime's concern."""


class Found(NamedTuple):
    """A container of this installation as the engine has it."""

    name: str
    role: str
    group: str
    cid: str
    message_id: str
    config: str
    """What `Runtime.config_digest` gave for its spec when it was started."""
    running: bool
    exit_code: int | None
    """None while it runs, and where the engine does not tell."""


class Exit(NamedTuple):
    """The end of a container that was started or found running."""

    cid: str
    code: int | None
    """As the engine reports it: 137 for KILL, 143 for TERM; None where it vanished without one."""
    detail: str
    """For a person: OUT_OF_MEMORY, "it was removed"; empty where the code says all."""


OUT_OF_MEMORY: Final = "it ran out of memory"
"""The `detail` of an Exit whose cause that was, for a runtime with limits."""


class Runtime(Protocol):
    """Starts, kills, removes and watches containers. Every method may be called from any thread.

    Futures fail with a RuntimeFailure (EngineUnavailable, EngineOverdue, ImageMissing, NameConflict, StartFailed).
    Callbacks come on a thread of the runtime, hold no lock of it, and must be quick.
    """

    @property
    def kind(self) -> Literal["docker", "process"]: ...

    @property
    def container_uid(self) -> int:
        """The uid by which containers write to `out/`."""
        ...

    def open(
        self,
        on_exit: Callable[[Exit], None],
        on_engine_up: Callable[[], None],
        on_image_changed: Callable[[], None],
    ) -> None:
        """Begin to watch. `on_exit` comes exactly once for each container that ends after it was started by
        `start` or listed as running; `on_engine_up` each time an engine that was gone answers again, or
        an image that a start has not found is there;
        `on_image_changed` when a tick finds that the image of a container has lost its name to another one.

        What a container wrote last that ended unasked goes to the log before it is removed.
        """
        ...

    def start(self, spec: ContainerSpec) -> Future[None]:
        """Start a container, Main's before others; done once the engine says that it runs. It may have ended by then.

        A start whose future could be cancelled was never begun: there is no container, and no exit is told."""
        ...

    def kill(self, cid: str) -> Future[None]:
        """SIGKILL it, paused or not, before what waits; `on_exit` follows. One that is gone or has ended is fine."""
        ...

    def remove(self, cid: str, *, urgent: bool = False) -> Future[None]:
        """Kill where needed and remove; `on_exit` follows where it ran. Done when it is gone, which it may be already.

        An engine that does not remove it now is asked again at each tick: the future does not fail, and stays open
        where the runtime is closed before. `urgent`: somebody waits; else what else is to be done comes first."""
        ...

    def list(self) -> Sequence[Found]:
        """Every container of this installation, ended ones included. Blocks; raises RuntimeFailure.

        Those that the first call gives are the caller's; what an earlier process brings up later is removed unasked."""
        ...

    def config_digest(self, spec: ContainerSpec) -> str:
        """Identifies the image and the settings with which `spec` would be started; name, channel and message aside.

        Asks the engine for the image's id the first time. Blocks; raises RuntimeFailure."""
        ...

    def start_delay(self) -> float:
        """Seconds until a start is worth trying: 0.0 unless the engine is away or does not return from starts.
        A start before that fails at once with EngineUnavailable."""
        ...

    def place(self, name: str) -> dict[str, str]:
        """What `status` says of where the container of that name is; empty where it is one, and of no name."""
        ...

    def problem(self) -> str:
        """What a person has to do before any container can be started; empty where nothing is known of it.

        A start fails with ImageMissing then, and `on_engine_up` comes once the image is there."""
        ...

    def look(self) -> None:
        """The health tick: see what really runs, and tell what follows. Blocks, for 10 s where the engine hangs."""
        ...

    def close(self) -> None:
        """Stop watching, remove what was to be removed as far as that can be done in time, and end what the runtime
        started for itself. Other Docker containers stay as they are; the process runtime's children end. Takes 22 s
        at most, whatever the engine does. No callback comes afterwards."""
        ...
