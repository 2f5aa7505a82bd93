"""What an agent asks of the host, from an MCP client by the side of a runner to the disk, the API and the events."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.file_events import FileEvents
from tests.support.runner import runner_environ
from tests.support.service import RunningService

TIMEOUT = 60.0


class McpProcess:
    """`python -m agent_runner.mcp` on a channel."""

    def __init__(self, channel: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "agent_runner.mcp", "--channel", str(channel)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=runner_environ(), text=True, bufsize=1,
        )  # fmt: skip

    def call(self, tool: str, **arguments: Any) -> tuple[bool, str]:
        """Whether the tool was refused, and what it says."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        params = {"name": tool, "arguments": arguments}
        request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        self._process.stdin.write(json.dumps(request) + "\n")
        result = json.loads(self._process.stdout.readline())["result"]
        return result["isError"], result["content"][0]["text"]

    def close(self) -> None:
        self._process.communicate(timeout=TIMEOUT)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    with RunningService(tmp_path / "home") as service:
        service.post({"text": "warm up"})
        yield service


@pytest.fixture
def mcp(service: RunningService) -> Iterator[McpProcess]:
    """Beside Main's runner, in which the message `a` waits."""
    (channel,) = (service.home / "ipc/channels").iterdir()
    with closing(FileEvents(channel / "out")) as events:
        service.post({"text": "/wait 600", "id": "a", "session": "s"}, "")
        events.until((channel / "out/a.started.json").exists)
    with closing(McpProcess(channel)) as mcp:
        yield mcp
    service.delete("/messages/a")
    service.get("/messages/a?wait=30")


def test_what_an_agent_sends_is_in_the_outbox_and_among_the_events(service: RunningService, mcp: McpProcess) -> None:
    refused, said = mcp.call("send_message", text="this takes a while")

    assert not refused
    sent = json.loads(said)
    assert sent == {"id": "a.m2001", "session": "s", "status": "sent"}
    assert json.loads((service.home / "ipc/outbox/a.m2001.json").read_bytes())["text"] == "this takes a while"
    assert service.get("/messages/a.m2001").json()["session"] == "s"
    service.delete("/messages/a")
    events = service.get("/messages/a/events").text
    assert 'event: message\ndata: {"id":"a.m2001","session":"s","text":"this takes a while"}\n' in events
    assert events.index("event: message") < events.index("event: done")


def test_a_group_that_main_s_agent_registers_is_spoken_to_at_once(service: RunningService, mcp: McpProcess) -> None:
    refused, said = mcp.call("register_group", name="friends", trigger="@claw")

    assert not refused
    assert json.loads(said)["status"] == "registered"
    assert service.get("/groups/friends").json()["trigger"] == "@claw"
    assert service.post({"text": "hello", "group": "friends"}).json()["status"] == "done"


def test_a_subagent_is_spawned_waited_for_and_looked_at(mcp: McpProcess) -> None:
    refused, said = mcp.call("spawn_subagent", task="6 * 7", reason="a test", wait=True)

    assert not refused
    head, _, text = said.partition("\n\n")
    assert (json.loads(head)["id"], json.loads(head)["status"]) == ("a.s1", "done")
    assert text.startswith("6 * 7 = 42")
    assert mcp.call("list_subagents") == (False, '{"subagents": []}')
    assert mcp.call("get_subagent", id="a.s1") == (False, said)
    assert mcp.call("cancel_subagent", id="a.s1") == (
        True, "no subagent 'a.s1' runs or waits; list_subagents shows those that do"
    )  # fmt: skip
