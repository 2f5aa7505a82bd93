"""Places on the host that no container is given, whatever an allowlist says: credentials, the system, openclaw itself.

Reads the disk for links only, on every call, so that a link made meanwhile is seen. Any thread may call.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

_CREDENTIALS: Final = (
    *(".ssh", ".gnupg", ".password-store", ".local/share/keyrings", ".mozilla"),
    *(".aws", ".azure", ".config", ".docker", ".kube"),
    *(".netrc", ".npmrc", ".pypirc", ".git-credentials"),
)
"""Below a home: where tools keep keys and tokens. .config has those of gcloud, gh and many more, and our allowlist."""

_CREDENTIAL_NAMES: Final = frozenset(name for name in _CREDENTIALS if "/" not in name and name != ".config")
"""Refused below any folder: other users have homes too, and backups of homes lie anywhere."""

_SIGNS_OF_A_HOME: Final = (".ssh", ".gnupg", ".aws")
"""A folder that holds one of these is somebody's home."""

_SYSTEM: Final = (
    *("/etc", "/proc", "/sys", "/dev", "/run", "/var/run", "/boot"),
    *("/var/lib/docker", "/var/lib/containerd"),
)


class BlockedPlaces:
    """`ours` are the project's own folders, `homes` those of the service's user."""

    def __init__(self, ours: Collection[Path], homes: Collection[Path]) -> None:
        self._ours = ours
        self._homes = homes

    def why(self, source: Path) -> str:
        """Why `source`, a resolved path, is given to nobody; empty where nothing is against it."""
        if where := credentials_in(source):
            return f"credentials are kept in {where}"
        for place, what in self._places():
            for known in {place, Path(os.path.realpath(place))}:
                if source.is_relative_to(known):
                    return f"it lies in {known}, {what}"
                if known.is_relative_to(source):
                    return f"it contains {known}, {what}; name a folder beside that"
        for name in _SIGNS_OF_A_HOME:
            if os.path.lexists(source / name):
                return f"it contains {name}, where credentials are kept; name a folder beside that"
        return ""

    def _places(self) -> Iterator[tuple[Path, str]]:
        for place in self._ours:
            yield place, "which is openclaw's own"
        for home in self._homes:
            for name in _CREDENTIALS:
                yield home / name, "where credentials are kept"
        for system in _SYSTEM:
            yield Path(system), "which is the system's"
        if os.geteuid() != 0:
            yield Path("/root"), "which is root's"
        engine = os.environ.get("DOCKER_HOST", "")
        if engine.startswith("unix://"):
            yield Path(engine.removeprefix("unix://")), "by which the container engine is commanded"


def credentials_in(path: Path) -> str:
    """The part of a path that is known to hold credentials wherever it lies; empty where there is none."""
    return next((part for part in path.parts if part in _CREDENTIAL_NAMES), "")
