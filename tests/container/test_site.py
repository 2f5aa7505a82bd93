"""Site: what a container may do, told by the host; where it tells nothing, little."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_runner.engines.site import Site


@pytest.mark.parametrize(
    ("environ", "single_use", "open_machine"),
    [
        ({}, False, False),
        ({"OPENCLAW_ROLE": "main"}, False, False),
        ({"OPENCLAW_ROLE": "dedicated"}, True, False),
        ({"OPENCLAW_ROLE": "standby"}, True, False),
        ({"OPENCLAW_ROLE": "dedicated", "OPENCLAW_UNSANDBOXED": "no"}, True, True),
        ({"OPENCLAW_ROLE": "dedicated", "OPENCLAW_UNSANDBOXED": "yes"}, True, False),
        ({"OPENCLAW_ROLE": "dedicated", "OPENCLAW_UNSANDBOXED": "maybe"}, True, True),
    ],
)
def test_the_host_tells_what_kind_of_container_it_is(
    environ: dict[str, str], single_use: bool, open_machine: bool
) -> None:
    assert Site.from_environ(environ) == Site(single_use, open_machine)


@pytest.mark.parametrize(("environ", "network"), [({}, False), ({"OPENCLAW_NETWORK": "none"}, False),
                                                  ({"OPENCLAW_NETWORK": "bridge"}, True)])  # fmt: skip
def test_the_host_tells_whether_there_is_a_network(environ: dict[str, str], network: bool) -> None:
    assert Site.from_environ(environ).network is network


@pytest.mark.parametrize(
    ("path", "readable"),
    [(".", True), ("a/b", True), ("a/../b", True), ("..", False), ("/etc/passwd", False), ("link", False)],
)
def test_on_an_open_machine_only_the_group_s_folder_may_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, readable: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("/etc")

    assert Site(open_machine=True).may_read(path) is readable
    assert Site().may_read(path)
