"""Which tools there are where: the reading ones everywhere, the others where they can do no harm."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from agent_runner.engines.site import Site
from agent_runner.tools.toolbox import tools_for
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
