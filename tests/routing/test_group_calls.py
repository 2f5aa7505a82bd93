"""Groups that Main's agent registers: made once, never changed, and by nobody else."""

from __future__ import annotations

import json
import queue
import threading
from pathlib import Path
from typing import Any

import pytest

from openclaw.agents import group_files
from openclaw.agents.group_config import GroupConfig
from openclaw.agents.settings_guard import SettingsGuard
from openclaw.agents.turn import Turn
from openclaw.message import Frame, Message
from openclaw.routing.agent_calls import AgentCalls
from openclaw.routing.group_calls import AT_ONCE, GroupCalls
from openclaw.routing.groups import Groups

Answers = queue.Queue[dict[str, Any]]


@pytest.fixture
def groups(tmp_path: Path) -> Groups:
    return Groups(SettingsGuard(tmp_path))


@pytest.fixture
def calls(groups: Groups) -> AgentCalls:
    return AgentCalls(GroupCalls(groups).tools)


def begin(calls: AgentCalls, answers: Answers, turn_id: str = "a", group: str = "main", **arguments: Any) -> None:
    turn = Turn(Message("hello", id=turn_id, group=group), 1, 0.0, 0.0)
    calls.called(turn, Frame("call", turn_id, {"tool": "register_group", "arguments": arguments}, 1), answers.put)


def ask(calls: AgentCalls, turn_id: str = "a", group: str = "main", **arguments: Any) -> dict[str, Any]:
    """What is answered."""
    answers: Answers = queue.Queue()
    begin(calls, answers, turn_id, group, **arguments)
    return answers.get(timeout=10)


def test_a_group_is_there_when_it_is_said(calls: AgentCalls, groups: Groups, tmp_path: Path) -> None:
    answer = ask(calls, name="friends", trigger="@claw")

    assert answer == {"value": {"group": "friends", "status": "registered", "folder": "groups/friends"}}
    assert json.loads((tmp_path / "friends/group.json").read_bytes()) == {"trigger": "@claw"}
    assert groups.config("friends") == GroupConfig(trigger="@claw")


def test_a_call_that_is_heard_again_has_the_same_answer(calls: AgentCalls) -> None:
    assert ask(calls, name="friends") == ask(calls, name="friends")


def test_the_settings_of_a_group_that_is_there_stay(calls: AgentCalls, groups: Groups) -> None:
    groups.add("friends", GroupConfig(network="bridge", allowed_senders=("ann",)))

    assert "there is a group friends already; its settings are the user's" in ask(calls, name="friends")["error"]
    assert groups.config("friends").network == "bridge"


def test_a_damaged_one_is_not_mended(calls: AgentCalls, tmp_path: Path) -> None:
    (tmp_path / "friends").mkdir()
    (tmp_path / "friends/group.json").write_text("{")

    assert "damaged" in ask(calls, name="friends")["error"]
    assert (tmp_path / "friends/group.json").read_text() == "{"


@pytest.mark.parametrize(("turn_id", "group"), [("a.s1", "main"), ("a", "friends")])
def test_only_main_s_own_agent_may(calls: AgentCalls, tmp_path: Path, turn_id: str, group: str) -> None:
    assert "only Main's own agent" in ask(calls, turn_id, group, name="family")["error"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, 'takes "name"'),
        ({"name": 1}, 'takes "name"'),
        ({"name": "x", "network": "bridge"}, 'takes "name"'),
        ({"name": "../x"}, "a group's name is"),
        ({"name": "global"}, "nobody can speak to it"),
        ({"name": "main"}, "there from the start"),
        ({"name": "x", "trigger": 1}, '"trigger" takes'),
        ({"name": "x", "trigger": "a\nb"}, '"trigger" takes'),
    ],
)
def test_what_cannot_be_registered_is_said(
    calls: AgentCalls, tmp_path: Path, arguments: dict[str, Any], said: str
) -> None:
    assert said in ask(calls, **arguments)["error"]
    assert not list(tmp_path.iterdir())


def test_a_disk_that_does_not_take_it_is_said(calls: AgentCalls, tmp_path: Path) -> None:
    (tmp_path / "friends").write_text("in the way")

    assert "groups/friends cannot be written: Not a directory" in ask(calls, name="friends")["error"]


def test_only_a_few_are_made_at_once_and_the_caller_never_waits(
    calls: AgentCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, publish = threading.Event(), group_files.publish

    def slow(*args: Any, **kwargs: Any) -> bool:
        assert go_on.wait(30)
        return publish(*args, **kwargs)

    monkeypatch.setattr(group_files, "publish", slow)
    answers: Answers = queue.Queue()
    for number in range(AT_ONCE + 1):
        begin(calls, answers, name=f"group{number}")
    assert f"{AT_ONCE} groups are being made" in answers.get(timeout=10)["error"]

    go_on.set()

    made = {answers.get(timeout=10)["value"]["group"] for _ in range(AT_ONCE)}
    assert made == {f"group{number}" for number in range(AT_ONCE)}
    assert "value" in ask(calls, name="one-more")


def test_where_there_is_no_thread_the_call_says_so_and_the_next_ones_are_served(
    calls: AgentCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_thread)
        for _ in range(AT_ONCE):
            assert "gives no thread for it (can't start new thread)" in ask(calls, name="friends")["error"]

    assert ask(calls, name="friends")["value"]["status"] == "registered"
