"""`openclaw groups`: list, show, add and remove groups.

Runs on the main thread. The running service is asked where it answers; else the files of the home are read and written
here, in the same way: the service looks at them each time that it needs them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from openclaw.agents.group_config import GroupConfig, mount_name
from openclaw.agents.mount_allowlist import MountAllowlist
from openclaw.agents.settings_guard import SettingsGuard
from openclaw.cli.client import Client, ServiceDown
from openclaw.cli.status import lines
from openclaw.cli.terminal import printable
from openclaw.config import Config
from openclaw.errors import ConfigError, InvalidGroup, MountRefused
from openclaw.message import is_name
from openclaw.message.names import RULE
from openclaw.routing.groups import Groups

Entry = dict[str, Any]


class _Book(Protocol):
    """Where the groups are kept."""

    def list(self) -> list[Entry]: ...

    def show(self, group: str) -> Entry: ...

    def add(self, group: str, config: GroupConfig) -> object: ...

    def remove(self, group: str) -> None: ...


class _Service:
    """The groups as the running service has them."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def list(self) -> list[Entry]:
        entries: list[Entry] = self._client.get("/groups")["groups"]
        return entries

    def show(self, group: str) -> Entry:
        return self._client.get(f"/groups/{group}")

    def add(self, group: str, config: GroupConfig) -> Entry:
        return self._client.put(f"/groups/{group}", config.deviations())

    def remove(self, group: str) -> None:
        self._client.delete(f"/groups/{group}")


def run(config: Config, arguments: argparse.Namespace) -> int:
    """Do what `arguments` say. Raises InvalidGroup for wrong use, and what Client and Groups raise."""
    if arguments.action != "list" and not is_name(arguments.name):
        raise InvalidGroup(f"a group's name is {RULE}")
    act = _ACTIONS[arguments.action]
    try:
        with Client.of(config) as client:
            act(_Service(client), config, arguments)
    except (ServiceDown, ConfigError):  # it does not run, or on a port that only it knows
        act(Groups(SettingsGuard(config.home / "groups")), config, arguments)
    return 0


def _list(book: _Book, _config: Config, arguments: argparse.Namespace) -> None:
    entries = book.list()
    print(json.dumps(entries) if arguments.json else printable("\n".join(_table(entries))))


def _show(book: _Book, _config: Config, arguments: argparse.Namespace) -> None:
    entry = book.show(arguments.name)
    print(json.dumps(entry) if arguments.json else printable("\n".join(lines(entry))))


def _add(book: _Book, config: Config, arguments: argparse.Namespace) -> None:
    there = next((entry for entry in book.list() if entry["name"] == arguments.name), {})
    settings = _settings(arguments, there)
    book.add(arguments.name, settings)
    entry = book.show(arguments.name)
    kept = "" if not there or "damaged" in there else "; settings that were not named stay as they were"
    print(printable(f"{arguments.name} can be spoken to; its folder is {entry['folder']}{kept}"))
    try:
        MountAllowlist(config.home).resolve(settings.mounts)
    except MountRefused as refused:
        print(printable(f"openclaw: its messages will fail for now: {refused}"), file=sys.stderr)


def _remove(book: _Book, _config: Config, arguments: argparse.Namespace) -> None:
    book.remove(arguments.name)
    print(f"nobody can speak to {arguments.name} any more; its folder is as it was")


_ACTIONS: dict[str, Callable[[_Book, Config, argparse.Namespace], None]] = {
    "list": _list,
    "show": _show,
    "add": _add,
    "remove": _remove,
}


def _settings(arguments: argparse.Namespace, there: Entry) -> GroupConfig:
    """The settings that were given as options, over those that are there. Raises InvalidGroup."""
    given = {
        "trigger": arguments.trigger,
        "allowed_senders": arguments.allow,
        "network": arguments.network,
        "mounts": None if arguments.mount is None else [_mount(text) for text in arguments.mount],
        "memory_mb": arguments.memory,
        "pids": arguments.pids,
        "cpus": arguments.cpus,
        "model": arguments.model,
    }
    kept = {key: there[key] for key in given if key in there}
    return GroupConfig.from_json({**kept, **{key: value for key, value in given.items() if value is not None}})


def _mount(text: str) -> dict[str, Any]:
    """A mount as in group.json, of PATH[:NAME][:rw]; a path that is relative is so to where the command is run."""
    path, readonly = (text[:-3], False) if text.endswith(":rw") else (text, True)
    head, colon, last = path.rpartition(":")
    path, name = (head, last) if colon and is_name(last) else (path, "")
    if not path.startswith("~/"):
        path = os.path.abspath(path)
    return {"path": path, "name": name or mount_name(path), "readonly": readonly}


def _table(entries: list[Entry]) -> Iterator[str]:
    width = max(len(entry["name"]) for entry in entries)
    for entry in entries:
        if "damaged" in entry:
            yield f"{entry['name']:{width}}  {entry['damaged']}"
        else:
            trigger = f", trigger {entry['trigger']}" if entry["trigger"] else ""
            doubt = f" ({entry['in_doubt']})" if "in_doubt" in entry else ""
            yield f"{entry['name']:{width}}  network {entry['network']}{trigger}{doubt}"
