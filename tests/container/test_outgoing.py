"""Outgoing: whatever an engine answers or asks, what is written is a frame that the host takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent_runner.channel import Outgoing
from agent_runner.turns import response
from openclaw.errors import CallRefused
from openclaw.message import load_object
from openclaw.message.frames import MAX_CALL, MAX_FRAME
from tests.support.listing import shown


def body(path: Path) -> dict[str, Any]:
    """As the host reads it."""
    return load_object(path.read_bytes())


def test_an_answer_beyond_the_host_s_bound_becomes_a_failure_that_says_so(tmp_path: Path) -> None:
    Outgoing(tmp_path).response("a", response("done", "x" * MAX_FRAME, agent_ms=5))

    told = body(tmp_path / "a.response.json")
    assert (told["status"], told["text"], told["agent_ms"]) == ("failed", "", 5)
    assert f"the host takes {MAX_FRAME}" in told["error"]


def test_an_answer_that_is_long_alone_costs_the_session_and_not_the_sender(tmp_path: Path) -> None:
    record = {"messages": [{"role": "user", "content": "x" * 1_000_000}]}
    Outgoing(tmp_path).response("a", {**response("done", "x" * (MAX_FRAME - 1000)), "record": record})

    told = body(tmp_path / "a.response.json")
    assert (told["status"], len(told["text"])) == ("done", MAX_FRAME - 1000)
    assert "record" not in told


def test_what_utf_8_cannot_carry_costs_a_character_and_not_the_answer(tmp_path: Path) -> None:
    Outgoing(tmp_path).response("a", response("done", "caf\udce9 é"))

    assert body(tmp_path / "a.response.json")["text"] == "caf? é"


def test_a_call_is_written_under_its_number(tmp_path: Path) -> None:
    Outgoing(tmp_path).call("a.s1", 3, {"tool": "t", "arguments": {}})

    assert json.loads((tmp_path / "a.s1.3.call.json").read_bytes()) == {"tool": "t", "arguments": {}}


def test_a_call_beyond_the_host_s_bound_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CallRefused, match="the host takes"):
        Outgoing(tmp_path).call("a", 1, {"tool": "t", "arguments": {"task": "x" * MAX_CALL}})

    assert shown(tmp_path) == []
