"""GroupConfig: what a group's group.json says, checked key by key.

Pure values and functions; any thread. Where the file lies and when it is read is routing's business, what of the host
may really be mounted is the allowlist's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from openclaw.containers.runtime import Network
from openclaw.errors import InvalidGroup
from openclaw.message import is_name
from openclaw.message.names import MAX_NAME, RULE

MAX_LINE = 200
MAX_PATH = 4096
MAX_SENDERS = 1000
MAX_MOUNTS = 16

_MEMORY_MB = (32, 1_048_576)
"""MiB: the runner alone takes about 20."""
_PIDS = (16, 32_768)
_CPUS = (0.1, 256.0)


@dataclass(frozen=True, slots=True)
class MountRequest:
    """A place on the host that a group asks for: `path` begins with / or ~, `name` is its folder in the container."""

    path: str
    name: str
    readonly: bool = True

    @classmethod
    def from_json(cls, value: object) -> MountRequest:
        """Check `{"path", "name"?, "readonly"?}`; the name is made of the path's last part where none is given.

        Raises ValueError saying what it takes.
        """
        if not isinstance(value, dict) or not {"path"} <= value.keys() <= {"path", "name", "readonly"}:
            raise ValueError('the keys "path" and, as you like, "name" and "readonly"')
        path, readonly = value["path"], value.get("readonly", True)
        if not isinstance(path, str) or not is_host_path(path):
            raise ValueError(f'a "path" of at most {MAX_PATH} printable characters that begins with / or ~/')
        name = value.get("name", mount_name(path))
        if not is_name(name):
            raise ValueError(f'a "name" of {RULE}')
        if readonly is not True and readonly is not False:
            raise ValueError('"readonly" as true or false')
        return cls(path, name, readonly)


@dataclass(frozen=True, slots=True)
class GroupConfig:
    """The settings of one group, with their defaults. They hold for its single-use containers."""

    trigger: str = ""
    """How a message in a chat channel begins that is meant for the assistant; by HTTP none is needed."""
    allowed_senders: tuple[str, ...] = ()
    """Whom it listens to; empty: everybody."""
    network: Network = "none"
    mounts: tuple[MountRequest, ...] = ()
    memory_mb: int = 512
    pids: int = 256
    cpus: float = 2.0
    model: str = ""
    """The model's name, for engines that have one; empty: the installation's."""

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> GroupConfig:
        """Check `value` key by key. Raises InvalidGroup, whose text names the key and what it takes."""
        unknown = sorted(value.keys() - _CHECKS.keys())
        if unknown:
            raise InvalidGroup(f"unknown key {unknown[0][:80]!r}; a group's settings are {', '.join(_CHECKS)}")
        checked = {}
        for key, given in value.items():
            try:
                checked[key] = _CHECKS[key](given)
            except ValueError as error:
                raise InvalidGroup(f'"{key}" takes {error}') from None
        return cls(**checked)

    def to_json(self) -> dict[str, Any]:
        """Every key, defaults included."""
        return {**asdict(self), "allowed_senders": list(self.allowed_senders), "mounts": list(map(asdict, self.mounts))}

    def deviations(self) -> dict[str, Any]:
        """The keys that are not as by default: what a group.json has to say."""
        defaults = {field.name: field.default for field in fields(self) if field.default is not MISSING}
        return {key: value for key, value in self.to_json().items() if getattr(self, key) != defaults[key]}


def is_host_path(path: str) -> bool:
    """Whether it may name a place on the host: absolute, or below the user's home."""
    return path.startswith(("/", "~/")) and len(path) <= MAX_PATH and path.isprintable()


def mount_name(path: str, taken: Collection[str] = ()) -> str:
    """A folder's name made of a path's last part: what is unfit becomes a dash, what is taken gets a number."""
    last = path.rstrip("/").rpartition("/")[2]
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", last).strip("-_")[: MAX_NAME - 4] or "files"
    numbered = (f"{name}-{number}" for number in range(2, len(taken) + 3))
    return next(fresh for fresh in (name, *numbered) if fresh not in taken)


def readonly_requests(paths: Iterable[str], taken: Collection[str]) -> Iterator[MountRequest]:
    """A request to read each path, under names of their own that are not `taken`."""
    names = set(taken)
    for path in paths:
        name = mount_name(path, names)
        names.add(name)
        yield MountRequest(path, name)


def _line(value: object) -> str:
    if isinstance(value, str) and len(value) <= MAX_LINE and value.isprintable():
        return value
    raise ValueError(f"at most {MAX_LINE} printable characters on one line")


def _senders(value: object) -> tuple[str, ...]:
    if isinstance(value, list) and len(value) <= MAX_SENDERS and all(value):
        return tuple(map(_line, value))
    raise ValueError(f"a list of at most {MAX_SENDERS} senders, each as a message's sender is")


def _network(value: object) -> Network:
    match value:
        case "none" | "bridge":
            return value
    raise ValueError('"none" or "bridge"')


def _mounts(value: object) -> tuple[MountRequest, ...]:
    if not isinstance(value, list) or len(value) > MAX_MOUNTS:
        raise ValueError(f'a list of at most {MAX_MOUNTS} mounts, as in [{{"path": "~/projects", "readonly": true}}]')
    mounts: list[MountRequest] = []
    for given in value:
        try:
            mount = MountRequest.from_json(given)
        except ValueError as error:
            raise ValueError(f"mounts that have {error}") from None
        if any(mount.name == other.name for other in mounts):
            raise ValueError(f'mounts that have a "name" each of their own; two are called {mount.name!r}')
        mounts.append(mount)
    return tuple(mounts)


def _whole(low: int, high: int) -> Callable[[object], int]:
    def check(value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise ValueError(f"a whole number from {low} to {high}")

    return check


def _cpus(value: object) -> float:
    low, high = _CPUS
    if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
        return round(float(value), 2)
    raise ValueError(f"a number from {low:g} to {high:g}")


_CHECKS: dict[str, Callable[[object], Any]] = {
    "trigger": _line,
    "allowed_senders": _senders,
    "network": _network,
    "mounts": _mounts,
    "memory_mb": _whole(*_MEMORY_MB),
    "pids": _whole(*_PIDS),
    "cpus": _cpus,
    "model": _line,
}
