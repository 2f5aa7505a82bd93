"""GivenPaths: what a subagent is given to read, by the paths that the agent has named which spawned it.

    src, /workspace/group/src     in the group's folder: it sees the whole of that once more, to read only
    ~/projects/x, /srv/data       on the host: a mount of its own, if the user's allowlist has it

A container may have put a link anywhere in the group's folder, and may put one there a moment after we have looked. So
links are followed within that folder only, and of one that leads out the answer is the same whatever is there; nothing
below the folder is the source of a mount. Reads the disk; any thread.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from openclaw.agents.blocked_places import credentials_in
from openclaw.agents.group_config import mount_name, readonly_requests
from openclaw.agents.link_walk import Parts, Root, follow, parts_of, starts_with
from openclaw.agents.mount_allowlist import MountAllowlist
from openclaw.containers.runtime import EXTRA_DIR, GROUP_DIR, Mount
from openclaw.errors import MountRefused


class GivenPaths(NamedTuple):
    """The mounts, and for each path where it is then; `at_host`: where it is without any mount."""

    mounts: tuple[Mount, ...] = ()
    places: tuple[str, ...] = ()
    at_host: tuple[str, ...] = ()


def resolve(paths: Sequence[str], folder: Path, taken: Collection[str], allowlist: MountAllowlist) -> GivenPaths:
    """What to mount so that all `paths` can be read; `folder` is the group's, `taken` are names of other mounts.

    Raises MountRefused for the first that is not allowed.
    """
    inside = {path: _inside(path, folder, allowlist) for path in paths}
    own = {path: where for path, where in inside.items() if where is not None}
    view = mount_name(str(folder), taken)
    foreign = [path for path in inside if path not in own]
    requests = list(readonly_requests(foreign, {*taken, view} if own else taken))
    mounts = allowlist.resolve(requests)
    found = {path: (os.path.normpath(f"{EXTRA_DIR}/{view}/{where}"), folder / where) for path, where in own.items()}
    found |= {path: (mount.target, mount.source) for path, mount in zip(foreign, mounts, strict=True)}
    return GivenPaths(
        (Mount(folder, f"{EXTRA_DIR}/{view}"), *mounts) if own else mounts,
        tuple(found[path][0] for path in paths),
        tuple(str(found[path][1]) for path in paths),
    )


def _inside(path: str, folder: Path, allowlist: MountAllowlist) -> str | None:
    """Where in the group's folder a path leads, None for one of the host. Raises MountRefused."""
    named = _named_inside(path, folder, allowlist)
    if named is None:
        return None
    if os.pardir in named:
        raise MountRefused(f"{path} cannot be read: name it without ..")
    root = parts_of(os.path.realpath(folder))
    real, out = follow((*root, *named), [Root(root)], between=False)
    if real is None:
        why = "it leads out of the" if out else "there is no such file or folder in the"
        raise MountRefused(f"{path} cannot be read: {why} group's folder; a path of the host begins with / or ~/")
    inside = real.relative_to(Path("/", *root))
    if where := credentials_in(inside):
        raise MountRefused(f"{path} cannot be read: credentials are kept in {where}")
    return str(inside)


def _named_inside(path: str, folder: Path, allowlist: MountAllowlist) -> Parts | None:
    """What a path names in the group's folder, None where it names a place on the host."""
    if not path.startswith(("/", "~/")):
        return parts_of(path)
    parts = allowlist.parts(path)
    for start in (GROUP_DIR, folder, os.path.realpath(folder)):
        if starts_with(parts, parts_of(start)):
            return parts[len(parts_of(start)) :]
    return None
