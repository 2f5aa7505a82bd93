"""What a container of ours is started with: names, limits and the runner's settings.

Pure functions over the configuration; the runtime turns a spec into a command line.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from openclaw.config import Config
from openclaw.containers.runtime import ContainerSpec

MAIN_MEMORY_MB = 1024
"""Room for 100 turns at once in Main's container; a dedicated one serves a single turn."""

DEDICATED_MEMORY_MB = 512
MAIN_PIDS = 512
DEDICATED_PIDS = 256


class Specs:
    """Makes the spec of each container. Immutable; may be called from any thread."""

    def __init__(self, config: Config, channels: Path) -> None:
        self._config = config
        self._channels = channels

    @property
    def main_name(self) -> str:
        return f"{self._config.container_prefix}-main-persistent"

    def main(self, cid: str) -> ContainerSpec:
        """Main's persistent container: the group's folder is there to read, not to write."""
        return ContainerSpec(
            name=self.main_name,
            role="main",
            group="main",
            cid=cid,
            channel_path=self._channels / cid,
            group_dir=self._config.home / "groups" / "main",
            group_writable=False,
            env=self._runner_env(),
            memory_mb=MAIN_MEMORY_MB,
            pids=MAIN_PIDS,
        )

    def dedicated(self, cid: str, group: str, message_id: str) -> ContainerSpec:
        """A single-use container for one message of `group`."""
        return ContainerSpec(
            name=f"{self._config.container_prefix}-{group.lower()}-{cid}",
            role="dedicated",
            group=group,
            cid=cid,
            channel_path=self._channels / cid,
            group_dir=self._config.home / "groups" / group,
            group_writable=True,
            env=self._runner_env(),
            message_id=message_id,
            memory_mb=DEDICATED_MEMORY_MB,
            pids=DEDICATED_PIDS,
        )

    def _runner_env(self) -> dict[str, str]:
        env = {
            "OPENCLAW_ENGINE": "offline",
            "OPENCLAW_OFFLINE_LATENCY_MS": str(round(self._config.offline_latency * 1000)),
            "ASSISTANT_NAME": self._config.assistant_name,
        }
        if self._config.tz:
            env["TZ"] = self._config.tz
        return env


def new_cid() -> str:
    """An id for a channel and its container, never used twice."""
    return secrets.token_hex(6)
