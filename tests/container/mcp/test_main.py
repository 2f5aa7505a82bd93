"""`python -m agent_runner.mcp`: a process that speaks the protocol on its standard streams and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from openclaw.message import dump_bytes, frame_name
from openclaw.spool import DropDir
from tests.support.runner import TIMEOUT, runner_environ

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


@pytest.fixture
def channel(tmp_path: Path) -> Path:
    """A channel in which the turn `a` runs."""
    inbox, outbox = DropDir(tmp_path / "channel/in"), DropDir(tmp_path / "channel/out")
    inbox.place(frame_name("request", "a"), dump_bytes({"message": {"text": "hello"}, "timeout_ms": 1}))
    outbox.place(frame_name("started", "a"), b"{}")
    return tmp_path / "channel"


def serve(
    *arguments: str, messages: tuple[dict[str, Any], ...] = (), code: int = 0
) -> tuple[list[dict[str, Any]], str]:
    """The answers to the messages, and what went to standard error."""
    lines = b"".join(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n" for message in messages)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "agent_runner.mcp", *arguments],
        input=lines, env=runner_environ(), capture_output=True, timeout=TIMEOUT, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()


def test_it_serves_a_modern_and_a_legacy_client(channel: Path) -> None:
    answers, errors = serve(
        "--channel", str(channel),
        messages=(
            {"id": 1, "method": "server/discover", "params": {"_meta": META}},
            {"id": 2, "method": "tools/list", "params": {"_meta": META}},
            {"id": 3, "method": "initialize", "params": {"protocolVersion": "2025-11-25"}},
            {"method": "notifications/initialized"},
            {"id": 4, "method": "tools/list"},
        ),
    )  # fmt: skip

    assert [answer["id"] for answer in answers] == [1, 2, 3, 4]
    assert answers[0]["result"]["supportedVersions"] == ["2026-07-28"]
    assert answers[1]["result"]["tools"] == answers[3]["result"]["tools"]
    assert answers[2]["result"]["protocolVersion"] == "2025-11-25"
    assert errors == ""


def test_a_call_is_a_frame_of_the_turn_that_runs(channel: Path) -> None:
    call = {"id": 1, "method": "tools/call", "params": {"name": "list_subagents"}}

    (answer,), _ = serve("--turn", "a", "--channel", str(channel), messages=(call,))  # nobody answers within its 1 ms

    assert json.loads((channel / "out/a.2001.call.json").read_bytes()) == {"tool": "list_subagents", "arguments": {}}
    assert answer["result"]["isError"]
    assert "did not answer list_subagents before the turn's time was over" in answer["result"]["content"][0]["text"]


def test_a_call_for_a_turn_that_does_not_run_is_refused(channel: Path) -> None:
    call = {"id": 1, "method": "tools/call", "params": {"name": "list_subagents"}}

    (answer,), _ = serve("--channel", str(channel), "--turn", "b", messages=(call,))

    assert answer["result"] == {
        "content": [{"type": "text", "text": "the turn b does not run in this container"}], "isError": True,
    }  # fmt: skip


def test_without_a_channel_it_says_so(tmp_path: Path) -> None:
    answers, errors = serve("--channel", str(tmp_path / "none"), code=1)

    assert answers == []
    assert "no channel is at" in errors


@pytest.mark.parametrize(
    "arguments", [("--help",), ("--turn",), ("--turn", "../x"), ("--channel", "a", "--channel", "b"), ("--what", "x")]
)
def test_wrong_use_is_answered_by_the_right_one(arguments: tuple[str, ...]) -> None:
    answers, errors = serve(*arguments, code=2)

    assert answers == []
    assert errors == "usage: python -m agent_runner.mcp [--channel DIR] [--turn ID]\n"


def test_a_client_that_does_not_read_any_more_ends_it(channel: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "agent_runner.mcp", "--channel", str(channel)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=runner_environ(),
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin:
        process.stdout.close()
        process.stdin.write(b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n')
        process.stdin.flush()
        process.wait(TIMEOUT)
