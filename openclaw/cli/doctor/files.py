"""The doctor's look at the home: its folders, `.env` and what the settings say. Reads only."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from openclaw.cli.doctor import user
from openclaw.cli.doctor.finding import Finding
from openclaw.config import Config

_FOLDERS: Final = ("", "groups", "groups/main", "ipc", "ipc/inbox", "ipc/outbox", "ipc/work", "logs")
_OTHERS: Final = 0o077


def folders(home: Path) -> Iterator[Finding]:
    """Whether what is there of a home can be written, and whether nobody else may drop messages."""
    name = "folders"
    if not os.path.exists(home):  # unlike Path's, it raises nothing where one may not look
        parent = next(path for path in home.parents if os.path.exists(path))
        if os.access(parent, os.W_OK | os.X_OK):
            yield Finding.ok(name, f"{home} is not there yet; the first start makes it")
        else:
            yield Finding.fail(name, f"{home} cannot be made in {parent}", "set OPENCLAW_HOME to a folder of yours")
        return
    shut = [path for folder in _FOLDERS if os.path.exists(path := home / folder) and not _usable(path)]
    for path in shut:
        me, owner = user.name(), user.name(path.stat().st_uid)
        if path.is_dir():
            advice = f"sudo chown -R {me} {path}, or run openclaw as {owner}"
            yield Finding.fail(name, f"{path} cannot be written by {me} (it is {owner}'s)", advice)
        else:
            yield Finding.fail(name, f"{path} is no folder", f"move it away: mv {path} {path}.old")
    inbox = home / "ipc/inbox"
    if inbox.is_dir() and (mode := stat.S_IMODE(inbox.stat().st_mode)) & _OTHERS:
        yield Finding.warn(name, f"others may use ipc/inbox (mode {mode:o})", f"chmod 700 {inbox}")
    if not shut:
        yield Finding.ok(name, f"{home} can be written")


def env_file(home: Path) -> Iterator[Finding]:
    """Whether only its owner reads the file that holds keys."""
    path = home / ".env"
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return  # none is fine; one that cannot be read is told with the settings
    if mode & _OTHERS:
        yield Finding.warn(".env", f"others on this machine may read it (mode {mode:o})", f"chmod 600 {path}")
    else:
        yield Finding.ok(".env", "only its owner reads it")


def settings(config: Config) -> Iterator[Finding]:
    """The settings, which are read already."""
    for warning in config.warnings:
        yield Finding.warn("settings", warning, f"correct it in {config.home / '.env'} or the environment")
    if not config.warnings:
        yield Finding.ok("settings", "every one makes sense")


def _usable(path: Path) -> bool:
    return path.is_dir() and os.access(path, os.R_OK | os.W_OK | os.X_OK)
