"""Container specs for tests, with real directories behind them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from openclaw.agents.group_config import GroupConfig
from openclaw.agents.mount_allowlist import MountAllowlist
from openclaw.agents.specs import Specs
from openclaw.config import Config
from openclaw.containers.runtime import ContainerSpec


def make_spec(home: Path, name: str, uid: int | None = None, **changes: Any) -> ContainerSpec:
    """A dedicated container's spec below `home`; its `out/` belongs to `uid`. `changes` go to the spec's fields."""
    channel, group = home / "channels" / name, home / "groups" / "main"
    for directory in (channel / "in", channel / "out", channel / "gw", group):
        directory.mkdir(parents=True, exist_ok=True)
    if uid is not None and uid != os.getuid():
        os.chown(channel / "out", uid, uid)
    spec = ContainerSpec(
        name=name,
        role="dedicated",
        group="main",
        cid=name,
        message_id="m1",
        channel_path=channel,
        group_dir=group,
        group_writable=False,
        env={"ASSISTANT_NAME": "Claw"},
    )
    return replace(spec, **changes)


def make_specs(config: Config, channels: Path, **groups: GroupConfig) -> Specs:
    """Specs for Main and for `groups` with their settings; their folders are made.

    The home of the user, with the allowlist, is `user` beside the installation's.
    """
    settings = {"main": GroupConfig(), **groups}
    for group in (*settings, "global"):
        (config.home / "groups" / group).mkdir(parents=True, exist_ok=True)
    allowlist = MountAllowlist(config.home, config.home.parent / "user")
    return Specs(config, channels, config_of=settings.__getitem__, allowlist=allowlist, sandboxed=True)
