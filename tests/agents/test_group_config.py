"""What a group.json may say: every key is checked, and an error names the key and what it takes."""

from __future__ import annotations

from typing import Any

import pytest

from openclaw.agents.group_config import GroupConfig, MountRequest, mount_name, readonly_requests
from openclaw.errors import InvalidGroup

WHOLE: dict[str, Any] = {
    "trigger": "@Claw",
    "allowed_senders": ["ann", "Bob Builder"],
    "network": "bridge",
    "mounts": [{"path": "~/projects", "name": "code", "readonly": False}],
    "memory_mb": 1024,
    "pids": 99,
    "cpus": 0.5,
    "model": "some-model",
}


def test_nothing_said_is_everything_as_by_default() -> None:
    assert GroupConfig.from_json({}) == GroupConfig()


def test_every_setting_is_read_and_written_as_it_was() -> None:
    config = GroupConfig.from_json(WHOLE)

    assert config.mounts == (MountRequest("~/projects", "code", readonly=False),)
    assert config.to_json() == WHOLE
    assert GroupConfig.from_json(config.to_json()) == config


def test_only_what_is_not_as_by_default_has_to_be_said() -> None:
    config = GroupConfig.from_json({"network": "none", "memory_mb": 1024, "mounts": [{"path": "/data"}]})

    assert config.deviations() == {"memory_mb": 1024, "mounts": [{"path": "/data", "name": "data", "readonly": True}]}


def test_a_mount_is_read_only_and_called_as_its_folder_unless_it_says_otherwise() -> None:
    (mount,) = GroupConfig.from_json({"mounts": [{"path": "/srv/My Photos.old/"}]}).mounts

    assert mount == MountRequest("/srv/My Photos.old/", "My-Photos-old", readonly=True)


def test_an_unknown_key_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(InvalidGroup, match=r"'networks'.*trigger, allowed_senders, network, mounts"):
        GroupConfig.from_json({"networks": "none"})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("trigger", 1),
        ("trigger", "two\nlines"),
        ("trigger", "x" * 201),
        ("allowed_senders", "ann"),
        ("allowed_senders", ["ann", ""]),
        ("allowed_senders", ["ann", 7]),
        ("allowed_senders", ["a"] * 1001),
        ("network", "host"),
        ("network", None),
        ("network", []),
        ("mounts", {}),
        ("mounts", [{"path": f"/{number}"} for number in range(17)]),
        ("mounts", ["/data"]),
        ("mounts", [{}]),
        ("mounts", [{"path": "/data", "read_only": True}]),
        ("mounts", [{"path": "data"}]),
        ("mounts", [{"path": "~bob/data"}]),
        ("mounts", [{"path": "/data\n/etc"}]),
        ("mounts", [{"path": "/" + "x" * 4096}]),
        ("mounts", [{"path": "/data", "name": "../etc"}]),
        ("mounts", [{"path": "/data", "name": ""}]),
        ("mounts", [{"path": "/data", "readonly": 0}]),
        ("mounts", [{"path": "/a/data"}, {"path": "/b/data"}]),
        ("memory_mb", 31),
        ("memory_mb", 1_048_577),
        ("memory_mb", "512"),
        ("memory_mb", True),
        ("memory_mb", 512.0),
        ("pids", 15),
        ("cpus", 0.05),
        ("cpus", True),
        ("cpus", "2"),
        ("model", ["m"]),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_its_key(key: str, value: object) -> None:
    with pytest.raises(InvalidGroup, match=f'^"{key}" takes '):
        GroupConfig.from_json({key: value})


def test_a_name_made_of_a_path_is_fit_and_its_own() -> None:
    assert mount_name("~/", ()) == "files"
    assert mount_name("/srv/…", ()) == "files"
    assert mount_name("/srv/-a b-", ()) == "a-b"
    assert mount_name("/srv/notes", {"notes", "notes-2"}) == "notes-3"


def test_paths_are_requested_to_be_read_each_under_a_name_of_its_own() -> None:
    requests = list(readonly_requests(["/a/notes", "/b/notes", "/b/code"], {"code"}))

    assert [(request.path, request.name) for request in requests] == [
        ("/a/notes", "notes"),
        ("/b/notes", "notes-2"),
        ("/b/code", "code-2"),
    ]
    assert all(request.readonly for request in requests)
