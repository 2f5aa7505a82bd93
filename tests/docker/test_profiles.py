"""Agents with a profile in real containers: what they read, what they may not touch, and what they keep in mind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import KEY
from tests.support.messages_answers import Answer, Say, ToolUse, say
from tests.support.messages_api import Asked, MessagesApi
from tests.support.service import RunningService

POLLS = "import time\n\nwhile True:\n    time.sleep(0.01)\n"
NOTES = ".claude/agent-memory/performance-engineer"


@pytest.fixture
def place(tmp_path: Path, settings: dict[str, str]) -> dict[str, str]:
    """Settings of a service in whose Main's folder `src/watch.py` polls, and whose user allows `~/shared`."""
    home, user = tmp_path / "home", tmp_path / "user"
    for folder in (home / "groups/main/src", user / "shared"):
        folder.mkdir(parents=True)
        (folder / "watch.py").write_text(POLLS)
    allowlist = user / ".config/openclaw/mount-allowlist.json"
    allowlist.parent.mkdir(parents=True)
    allowlist.write_text('{"allow": [{"path": "~/shared"}]}')
    allowlist.chmod(0o600)
    return {**settings, "HOME": str(user)}


def test_offline_the_performance_engineer_audits_what_it_was_given(tmp_path: Path, place: dict[str, str]) -> None:
    with RunningService(tmp_path / "home", **place) as service:
        service.post({"text": "/spawn @performance-engineer src ~/shared -- Analiza el código", "id": "a"})
        reply = service.get("/messages/a.s1?wait=50").json()

    assert (reply["status"], reply["route"]) == ("done", "subagent")
    assert reply["text"].startswith("## 1. Diagnóstico Actual\n")
    assert "src/watch.py:4 (3." in reply["text"]
    assert "~/shared/watch.py:4 (3." in reply["text"]
    assert "/workspace" not in reply["text"]


def test_what_an_agent_was_given_and_what_it_is_told_to_be_it_cannot_write(
    tmp_path: Path, place: dict[str, str]
) -> None:
    script = (
        "cat /workspace/extra/main/src/watch.py; for f in /workspace/extra/main/src/x /workspace/extra/shared/x "
        ".claude/agents/x .claude/x; do touch $f 2>/dev/null && echo made $f; done; echo x > .claude/agent-memory/x"
    )
    with RunningService(tmp_path / "home", **place) as service:
        (service.home / "groups/main/.claude/agents/runner.md").write_text(
            "---\nname: runner\ndescription: Runs\ntools: Bash\n---\nRun it."
        )
        service.post({"text": f"/spawn @runner src ~/shared -- /run {script}", "id": "a"})
        reply = service.get("/messages/a.s1?wait=50").json()

    assert reply["text"] == f"{POLLS}(exit code 0)"


class Model:
    """Main's model spawns the agent and waits; the agent's audits, keeps a note and answers."""

    def __init__(self) -> None:
        self.as_agent: list[dict[str, Any]] = []

    def __call__(self, asked: Asked) -> Answer:
        body = asked.body
        names = [tool["name"] for tool in body["tools"]]
        if "mcp__openclaw__spawn_subagent" in names:
            if asked.gives_results:
                return say(f"It says: {_results(body)[-1]}")
            arguments = {"agent": "performance-engineer", "paths": ["src"], "wait": True}
            return Say((ToolUse("mcp__openclaw__spawn_subagent", arguments),), stop_reason="tool_use")
        self.as_agent.append(body)
        if not asked.gives_results:
            command = "python3 -P -m openclaw.audit --lang es /workspace/extra/main/src | head -1"
            uses = (
                ToolUse("Bash", {"command": command}),
                ToolUse("Write", {"file_path": f"{NOTES}/MEMORY.md", "content": "- hot: src/watch.py"}),
            )
            return Say(uses, stop_reason="tool_use")
        return say("report: " + " / ".join(_results(body)))


def _results(body: dict[str, Any]) -> list[str]:
    return [part["content"] for part in body["messages"][-1]["content"] if part["type"] == "tool_result"]


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def service(tmp_path: Path, place: dict[str, str], model: Model) -> Iterator[RunningService]:
    """With the engine `messages`."""
    with ExitStack() as stack:
        api = stack.enter_context(MessagesApi(key=KEY, otherwise=model))
        asks = {"ANTHROPIC_BASE_URL": api.url, "ANTHROPIC_API_KEY": KEY, "ANTHROPIC_MODEL": "claude-haiku-4-5"}
        yield stack.enter_context(RunningService(tmp_path / "home", **place, **asks))


def test_with_a_model_an_agent_is_what_its_profile_says_and_remembers(service: RunningService, model: Model) -> None:
    first = service.post({"text": "How fast is src?", "id": "a"}).json()
    service.post({"text": "And now?", "id": "b"})

    assert first["status"] == "done"
    assert "report: ## 1. Diagnóstico Actual / Made .claude/agent-memory" in first["text"]
    begun = [body for body in model.as_agent if len(body["messages"]) == 1]
    system = [body["system"][0]["text"] for body in begun]
    assert all("You are a senior performance engineer" in one for one in system)
    assert {body["model"] for body in begun} == {"claude-sonnet-4-5"}
    assert [tool["name"] for tool in begun[0]["tools"]] == ["Read", "Glob", "Grep", "Write", "Edit", "Bash"]
    assert "/workspace/extra/main/src (asked for as src)" in json.dumps(begun[0]["messages"])
    assert "MEMORY.md is not there yet" in system[0]
    assert "- hot: src/watch.py" in system[1]
    assert (service.home / "groups/main" / NOTES / "MEMORY.md").read_text() == "- hot: src/watch.py"
