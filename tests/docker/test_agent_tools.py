"""Tools in real containers: what each kind of container lets an agent do, and an MCP client by `docker exec`."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from openclaw.containers.cli import Cli
from tests.docker.conftest import main_of, names_of
from tests.docker.test_image import CLI, HARDENED, docker
from tests.support.file_events import FileEvents
from tests.support.service import RunningService

_sequence = itertools.count()

USE = """
import json, os, sys, time
from agent_runner.cancel import Cancel
from agent_runner.engines.site import Site
from agent_runner.once import NoHost
from agent_runner.tools.tool import ToolFailed, ToolUse
from agent_runner.tools.toolbox import tools_for
tools = {tool.definition["name"]: tool for tool in tools_for(Site.from_environ(os.environ))}
for name, arguments in json.loads(sys.argv[1]):
    try:
        said = tools[name].run(arguments, ToolUse(NoHost(), Cancel(), time.monotonic() + 60)) if name else list(tools)
    except ToolFailed as failed:
        said = {"failed": str(failed)}
    print(json.dumps(said))
"""
"""Uses tools one after another, and prints what each says."""


@pytest.fixture
def name(image: str) -> Iterator[str]:
    """A container's name, of which nothing is left afterwards."""
    name = f"openclaw-test-tools-{os.getpid()}-{next(_sequence)}"
    yield name
    docker("rm", "--force", name, check=False)


def used(image: str, name: str, role: str, mounts: list[str], uses: list[tuple[str, dict[str, Any]]]) -> list[Any]:
    """What tools say in a container of this kind."""
    out = docker(
        "run", "--name", name, *HARDENED, "--tmpfs", "/tmp:mode=1777", "--user", f"{os.getuid()}:{os.getgid()}",
        "--env", f"OPENCLAW_ROLE={role}", *itertools.chain.from_iterable(("--mount", mount) for mount in mounts),
        "--entrypoint", "python3", image, "-P", "-c", USE, json.dumps(uses),
    )  # fmt: skip
    return [json.loads(line) for line in out.splitlines()]


def test_a_single_use_container_has_them_all_and_nothing_outside_its_folder(
    image: str, name: str, tmp_path: Path
) -> None:
    (tmp_path / "a.py").write_text("def one():\n    return 1\n")

    said = used(image, name, "dedicated", [f"type=bind,src={tmp_path},dst=/workspace/group"], [
        ("", {}),
        ("Edit", {"file_path": "a.py", "old_string": "1", "new_string": "2"}),
        ("Grep", {"pattern": r"return \d", "output_mode": "content"}),
        ("Glob", {"pattern": "**/*.py"}),
        ("Bash", {"command": "python3 -c 'import a; print(a.one())'; ls /sys/class/net"}),
        ("Write", {"file_path": "/opt/openclaw/x", "content": "x"}),
        ("Write", {"file_path": "/tmp/x", "content": "x"}),
    ])  # fmt: skip

    assert said[0] == ["Read", "Glob", "Grep", "Write", "Edit", "Bash"]
    assert said[1].startswith("Changed a.py:")
    assert said[2:5] == ["a.py:2:    return 2", "a.py", "2\nlo"]
    assert "Read-only file system" in said[5]["failed"]
    assert said[6] == "Made /tmp/x: 1 bytes."
    assert (tmp_path / "a.py").read_text() == "def one():\n    return 2\n"


def test_main_s_container_writes_its_notes_where_the_host_has_mounted_them(
    image: str, name: str, tmp_path: Path
) -> None:
    notes = tmp_path / ".claude/agent-memory"
    notes.mkdir(parents=True)
    (tmp_path / "CLAUDE.md").write_text("# main\n")

    said = used(image, name, "main", [
        f"type=bind,src={tmp_path},dst=/workspace/group,readonly",
        f"type=bind,src={notes},dst=/workspace/group/.claude/agent-memory",
    ], [
        ("", {}),
        ("Write", {"file_path": ".claude/agent-memory/main/MEMORY.md", "content": "likes tea\n"}),
        ("Edit", {"file_path": ".claude/agent-memory/main/MEMORY.md", "old_string": "tea", "new_string": "coffee"}),
        ("Write", {"file_path": "CLAUDE.md", "content": "x"}),
        ("Read", {"file_path": "CLAUDE.md"}),
    ])  # fmt: skip

    assert said[0] == ["Read", "Glob", "Grep", "Write", "Edit"]
    assert "use spawn_subagent" in said[3]["failed"]
    assert said[4] == "     1\t# main"
    assert (notes / "main/MEMORY.md").read_text() == "likes coffee\n"


def test_main_s_container_says_where_nothing_is_mounted_for_notes(image: str, name: str, tmp_path: Path) -> None:
    write = ("Write", {"file_path": ".claude/agent-memory/main/MEMORY.md", "content": "x"})

    (said,) = used(image, name, "main", [f"type=bind,src={tmp_path},dst=/workspace/group,readonly"], [write])

    assert "Read-only file system" in said["failed"]


def test_an_mcp_client_by_docker_exec_works_for_the_turn_that_runs(
    tmp_path: Path, engine: Cli, settings: dict[str, str]
) -> None:
    home = tmp_path / "home"
    calls = [("list_subagents", {}), ("send_message", {"text": "soon"})]
    messages = [{"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-11-25"}}]
    messages += [
        {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
        for number, (tool, arguments) in enumerate(calls, 1)
    ]
    with RunningService(home, **settings) as service:
        service.post({"text": "warm up"})
        (channel,) = (home / "ipc/channels").iterdir()
        with closing(FileEvents(channel / "out")) as events:
            service.post({"text": "/wait 600", "id": "a"}, "")
            events.until((channel / "out/a.started.json").exists)
        done = subprocess.run(
            [CLI, "exec", "--interactive", main_of(settings), "python3", "-P", "-m", "agent_runner.mcp"],
            input="\n".join(map(json.dumps, messages)).encode(), capture_output=True, timeout=60, check=True,
        )  # fmt: skip
        service.delete("/messages/a")
        service.get("/messages/a?wait=30")

    answers = {answer["id"]: answer["result"] for answer in map(json.loads, done.stdout.splitlines())}
    assert answers[0]["serverInfo"]["name"] == "openclaw"
    assert answers[1]["content"][0]["text"] == '{"subagents": []}'
    sent = json.loads(answers[2]["content"][0]["text"])
    assert json.loads((home / f"ipc/outbox/{sent['id']}.json").read_bytes())["text"] == "soon"
    assert done.stderr == b""
    assert names_of(engine, settings) == []
