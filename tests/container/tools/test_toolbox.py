"""Which tools there are where: the reading ones everywhere, the others where they can do no harm."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agent_runner.engines.site import Site
from agent_runner.tools import ToolFailed, ToolUse
from agent_runner.tools.toolbox import limited, tools_for
from openclaw.profiles import Profile
from tests.container.tools.conftest import DEDICATED, MAIN, OPEN_MACHINE
from tests.support.runner import runner_environ

READING = ["Read", "Glob", "Grep"]


@pytest.mark.parametrize(
    ("site", "names"),
    [
        (MAIN, [*READING, "Write", "Edit"]),
        (DEDICATED, [*READING, "Write", "Edit", "Bash"]),
        (DEDICATED._replace(network=True), [*READING, "Write", "Edit", "Bash", "WebFetch"]),
        (OPEN_MACHINE, READING),
        (Site(open_machine=True), READING),
        (OPEN_MACHINE._replace(network=True), [*READING, "WebFetch"]),
    ],
)
def test_what_there_is_follows_the_place(site: Site, names: list[str]) -> None:
    assert [tool.definition["name"] for tool in tools_for(site)] == names


def test_each_has_what_a_model_is_told_of_it() -> None:
    for tool in tools_for(DEDICATED._replace(network=True)):
        definition = tool.definition
        schema = definition["input_schema"]
        assert set(definition) == {"name", "description", "input_schema"}
        assert definition["description"]
        assert schema["type"] == "object"
        assert set(schema["required"]) <= set(schema["properties"])
        assert all("type" in one and one["description"] for one in schema["properties"].values())
        json.dumps(definition)


def test_those_that_change_nothing_may_run_side_by_side() -> None:
    side_by_side = {one.definition["name"] for one in tools_for(DEDICATED._replace(network=True)) if one.read_only}

    assert side_by_side == {*READING, "WebFetch"}


def test_a_runner_whose_engine_has_no_tools_loads_none() -> None:
    program = [sys.executable, "-P", "-c", "import sys, agent_runner.__main__; print(*sys.modules)"]

    loaded = subprocess.run(
        program, env=runner_environ(), capture_output=True, text=True, timeout=30, check=True
    ).stdout.split()

    assert "agent_runner.engines.offline" in loaded
    assert not [name for name in loaded if name.startswith(("agent_runner.tools", "agent_runner.mcp"))]


def test_the_list_is_the_same_each_time_so_that_a_prompt_with_it_can_be_cached() -> None:
    first, second = ([tool.definition for tool in tools_for(MAIN)] for _ in range(2))

    assert json.dumps(first) == json.dumps(second)


@pytest.mark.parametrize(
    ("profile", "names"),
    [
        ({}, [*READING, "Write", "Edit", "Bash"]),
        ({"tools": ("Grep", "Read", "WebSearch")}, ["Read", "Grep"]),
        ({"denied": ("Bash", "Edit")}, [*READING, "Write"]),
        ({"tools": ("Bash",), "memory": "project"}, ["Bash", "Read", "Write", "Edit"]),
        ({"tools": ("Read",), "denied": ("Write",), "memory": "project"}, ["Read", "Edit"]),
    ],
)
def test_an_agent_with_a_profile_has_those_that_it_allows_and_what_its_memory_takes(
    profile: dict[str, Any], names: list[str]
) -> None:
    kept = limited(tools_for(DEDICATED), Profile("reviewer", "d", "Be strict.", **profile), DEDICATED)

    assert [tool.definition["name"] for tool in kept] == names


def test_on_an_open_machine_no_memory_is_written() -> None:
    profile = Profile("reviewer", "d", "Be strict.", tools=("Grep",), memory="project")

    assert [tool.definition["name"] for tool in limited(tools_for(OPEN_MACHINE), profile, OPEN_MACHINE)] == ["Grep"]


def test_what_it_writes_for_its_memory_is_nothing_else(folder: Path, use: ToolUse) -> None:
    profile = Profile("reviewer", "d", "Be strict.", tools=("Read",), memory="project")
    write = next(one for one in limited(tools_for(DEDICATED), profile, DEDICATED) if one.definition["name"] == "Write")
    notes = ".claude/agent-memory/reviewer/MEMORY.md"

    write.run({"file_path": notes, "content": "- hot"}, use)
    with pytest.raises(ToolFailed, match="nothing else"):
        write.run({"file_path": "src/x.py", "content": "x"}, use)

    assert (folder / notes).read_text() == "- hot"
