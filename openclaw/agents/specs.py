"""What a container of ours is started with: names, limits, mounts and the runner's settings.

Made of the configuration and, for single-use containers, of their group's settings as they are now. No state; any
thread may call. Reads the disk, and makes what has to be there to be mounted.
"""

from __future__ import annotations

import logging
import os
import secrets
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from openclaw.agents import given_paths, group_files
from openclaw.agents.given_paths import GivenPaths
from openclaw.agents.group_config import GroupConfig
from openclaw.agents.mount_allowlist import MountAllowlist
from openclaw.agents.settings_copies import SettingsCopies
from openclaw.audit import costs
from openclaw.config import Config
from openclaw.containers.runtime import GLOBAL_DIR, GROUP_DIR, ContainerSpec, Mount, Role
from openclaw.errors import OpenClawError, StartFailed

log = logging.getLogger(__name__)

MAIN: Final = "main"

MAIN_MEMORY_MB: Final = 1024
"""Room for 100 turns at once in Main's container; a dedicated one serves a single turn."""

MAIN_PIDS: Final = 512

PROFILES: Final = ".claude"
"""Of a group's folder: what its agents are told to be, which only the user writes …"""
NOTES: Final = ".claude/agent-memory"
"""… and what they keep in mind, which they write."""


class Specs:
    """Makes the spec of each container.

    `config_of` gives the settings of a group, or raises an OpenClawError. Without `sandboxed` the runtime isolates
    nothing. `uid` is the containers' own; None: the service's.
    """

    def __init__(
        self,
        config: Config,
        channels: Path,
        *,
        config_of: Callable[[str], GroupConfig],
        allowlist: MountAllowlist,
        sandboxed: bool,
        uid: int | None = None,
    ) -> None:
        self._config = config
        self._channels = channels
        self._config_of = config_of
        self._allowlist = allowlist
        self._sandboxed = sandboxed
        self._uid = os.getuid() if uid is None else uid
        self._groups = config.home / "groups"
        self._copies = SettingsCopies(self._groups)

    @property
    def main_name(self) -> str:
        return f"{self._config.container_prefix}-main-persistent"

    def main(self, cid: str) -> ContainerSpec:
        """Main's persistent container: the group's folder is there to read, not to write. Raises nothing.

        Of the group's settings it has the model only, as they are when it starts.
        """
        try:
            model = self._config_of(MAIN).model
        except OpenClawError:  # damaged, which is said to whoever speaks to the group
            model = ""
        return ContainerSpec(
            name=self.main_name,
            role="main",
            group=MAIN,
            cid=cid,
            channel_path=self._channels / cid,
            group_dir=self._groups / MAIN,
            group_writable=False,
            env=self._runner_env("main", model),
            memory_mb=MAIN_MEMORY_MB,
            pids=MAIN_PIDS,
            mounts=(self._global(), *self._notes_of_main()),
        )

    def _notes_of_main(self) -> tuple[Mount, ...]:
        """What Main's own container may write: the notes of its agents. Without them it serves all the same."""
        folder = self._groups / MAIN
        try:
            _make_folders(folder, PROFILES, NOTES)
        except (OSError, StartFailed) as error:
            log.warning("Main's agent can keep no notes in %s: %s", folder / NOTES, error)
            return ()
        return (_notes(folder),)

    def dedicated(self, cid: str, group: str, message_id: str) -> ContainerSpec:
        """A single-use container for one message of `group`. Raises an OpenClawError where its settings forbid it."""
        return self._single_use(cid, group, "dedicated", message_id=message_id)

    def subagent(self, cid: str, message_id: str, paths: Sequence[str] = ()) -> ContainerSpec:
        """A single-use container for a subagent of Main, which is given `paths` to read where that is allowed.

        Raises MountRefused, or another OpenClawError where Main's settings forbid it.
        """
        return self._single_use(cid, MAIN, "dedicated", label="subagent", message_id=message_id, paths=paths)

    def check_paths(self, group: str, paths: Sequence[str]) -> None:
        """Raises MountRefused, or another OpenClawError, where a subagent of the group would not be given `paths`."""
        self._given(group, self._config_of(group), paths)

    def _given(self, group: str, settings: GroupConfig, paths: Sequence[str]) -> GivenPaths:
        taken = {request.name for request in settings.mounts}
        return given_paths.resolve(paths, self._groups / group, taken, self._allowlist) if paths else GivenPaths()

    def standby(self, cid: str) -> ContainerSpec:
        """A container that waits for a subagent's task. Raises an OpenClawError where Main's settings forbid it."""
        return self._single_use(cid, MAIN, "standby", label="standby")

    def _single_use(
        self, cid: str, group: str, role: Role, *, label: str = "", message_id: str = "", paths: Sequence[str] = ()
    ) -> ContainerSpec:
        settings = self._config_of(group)
        status = self._prepared(group)
        given = self._given(group, settings, paths)
        return ContainerSpec(
            name=f"{self._config.container_prefix}-{label or group.lower()}-{cid}",
            role=role,
            group=group,
            cid=cid,
            channel_path=self._channels / cid,
            group_dir=self._groups / group,
            group_writable=True,
            env={**self._runner_env(role, settings.model), "OPENCLAW_NETWORK": settings.network},
            message_id=message_id,
            memory_mb=settings.memory_mb,
            pids=settings.pids,
            cpus=settings.cpus,
            network=settings.network,
            mounts=(
                *self._mounts(group, covered=stat.S_ISREG(status.st_mode)),
                *self._allowlist.resolve(settings.mounts),
                *given.mounts,
            ),
            places=given.places if self._sandboxed else given.at_host,
            settings_file=group_files.cover(status),
        )

    def _prepared(self, group: str) -> os.stat_result:
        """Make what is mounted, and say which file the group's settings are in. Raises StartFailed."""
        folder = self._groups / group
        try:
            _prepare(folder, self._uid)
            return os.stat(folder / group_files.SETTINGS, follow_symlinks=False)
        except OSError as error:
            raise StartFailed(f"{folder} cannot be used: {error.strerror}") from error

    def _mounts(self, group: str, *, covered: bool) -> tuple[Mount, ...]:
        """What everybody may read, and what of the group's own folder is not to be written.

        Not `covered` is what is no file: then the group is in doubt, and what is there does not hold.
        """
        folder = self._groups / group
        try:
            cover = (Mount(self._copies.cover(), f"{GROUP_DIR}/{group_files.SETTINGS}"),) if covered else ()
        except OSError as error:
            raise StartFailed(f"{self._groups} cannot be written: {error.strerror}") from error
        return (
            self._global(),
            Mount(folder / "sessions", f"{GROUP_DIR}/sessions"),
            *cover,
            Mount(folder / PROFILES, f"{GROUP_DIR}/{PROFILES}"),
            _notes(folder),
        )

    def _global(self) -> Mount:
        return Mount(self._groups / "global", GLOBAL_DIR, ours=True)

    def _runner_env(self, role: Role, model: str) -> dict[str, str]:
        env = {
            "OPENCLAW_ENGINE": self._config.engine,
            "OPENCLAW_OFFLINE_LATENCY_MS": str(round(self._config.offline_latency * 1000)),
            "OPENCLAW_MODEL": model or self._config.anthropic_model,
            "OPENCLAW_MAX_TOKENS": str(self._config.openclaw_max_tokens),
            "OPENCLAW_CONTEXT_TOKENS": str(self._config.openclaw_context_tokens),
            "OPENCLAW_ROLE": role,
            "ASSISTANT_NAME": self._config.assistant_name,
        }
        if not self._sandboxed:
            env["OPENCLAW_UNSANDBOXED"] = "yes" if self._config.allow_unsandboxed_tools else "no"
        if self._config.tz:
            env["TZ"] = self._config.tz
        if measured := costs.handed_on(costs.default_file(os.environ)):
            env[costs.HANDED_ON] = measured
        return env


def new_cid() -> str:
    """An id for a channel and its container, never used twice."""
    return secrets.token_hex(6)


def _prepare(folder: Path, uid: int) -> None:
    """Make what is mounted over itself. Raises OSError, StartFailed.

    Without it a container could make it itself, and with it its group's settings: Main need not have any. And what is
    a mount of its own in each container that may write to the folder cannot be replaced there, by a link to anywhere.
    """
    _make_folders(folder, "sessions", PROFILES, NOTES)
    group_files.ensure(folder, uid)


def _make_folders(folder: Path, *names: str) -> None:
    for name in names:
        made = folder / name
        with suppress(FileExistsError):
            made.mkdir()
        if not stat.S_ISDIR(made.lstat().st_mode):
            raise StartFailed(f"{made} is no folder: remove it")


def _notes(folder: Path) -> Mount:
    return Mount(folder / NOTES, f"{GROUP_DIR}/{NOTES}", readonly=False, ours=True)
