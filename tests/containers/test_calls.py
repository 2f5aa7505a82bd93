"""Calls: a container asks, the host answers, and what a death in between leaves behind does no harm."""

from __future__ import annotations

from openclaw.containers.channel import Channel, Channels
from openclaw.message import Frame, FrameName
from openclaw.message.frames import MAX_CALL, SIDE_CALLS
from tests.support.heard import Heard, listen, write
from tests.support.listing import shown


def test_a_call_is_delivered_and_goes_when_its_result_is_there(channel: Channel, heard: Heard) -> None:
    listen(channel, heard)
    channel.send("request", "m1", {})
    write(channel, "call", "m1", '{"tool": "t", "arguments": {}}', number=3)

    assert heard.frame() == Frame("call", "m1", {"tool": "t", "arguments": {}}, 3)
    channel.answer(FrameName("call", "m1", 3), {"value": {}})

    assert shown(channel.path / "out") == []
    assert (channel.path / "in" / "m1.3.result.json").read_bytes() == b'{"value":{}}\n'


def test_a_subagents_frames_bear_its_id(channel: Channel, heard: Heard) -> None:
    listen(channel, heard)
    channel.send("request", "m1.s1", {})
    write(channel, "started", "m1.s1")
    assert heard.frame() == Frame("started", "m1.s1", {})


def test_a_call_of_a_turn_that_is_not_in_flight_here_is_dropped(channel: Channel, heard: Heard) -> None:
    listen(channel, heard)
    channel.send("request", "m1", {})
    write(channel, "call", "other", number=1)
    write(channel, "started", "m1")
    assert heard.frame().kind == "started"
    assert shown(channel.path / "out") == ["m1.started.json"]


def test_the_end_of_a_turn_takes_its_calls_and_results_with_it(channel: Channel, heard: Heard) -> None:
    listen(channel, heard)
    channel.send("request", "m1", {})
    write(channel, "call", "m1", number=1)
    write(channel, "call", "m1", number=2)
    heard.frame()
    heard.frame()
    channel.answer(FrameName("call", "m1", 1), {})
    channel.forget("m1")
    assert shown(channel.path / "in") == shown(channel.path / "out") == []


def test_a_result_for_a_turn_that_is_over_is_not_written(channel: Channel) -> None:
    channel.send("request", "m1", {})
    channel.forget("m1")
    channel.answer(FrameName("call", "m1", 1), {})
    assert shown(channel.path / "in") == []


def test_a_call_whose_result_is_there_already_is_only_deleted(
    channel: Channel, channels: Channels, heard: Heard
) -> None:
    channel.send("request", "m1", {})
    channel.send("result", "m1", {"value": {}}, 1)
    write(channel, "call", "m1", number=1)
    write(channel, "call", "m1", number=2)
    channel.close()
    again = channels.open("c1")
    listen(again, heard)
    assert heard.frame().number == 2
    assert shown(channel.path / "out") == ["m1.2.call.json"]
    again.close()


def test_a_call_that_is_larger_than_any_task_is_a_violation(channel: Channel, heard: Heard) -> None:
    listen(channel, heard)
    channel.send("request", "m1", {})
    write(channel, "call", "m1", '{"tool": "' + "x" * MAX_CALL + '"}', number=1)
    assert f"at most {MAX_CALL}" in heard.violation()


def test_the_numbers_of_other_processes_are_taken_and_a_turn_that_calls_without_end_is_a_violation(
    channel: Channel, heard: Heard
) -> None:
    listen(channel, heard)
    channel.send("request", "m1", {})
    write(channel, "call", "m1", number=SIDE_CALLS[-1])
    assert heard.frame().number == SIDE_CALLS[-1]
    write(channel, "call", "m1", number=SIDE_CALLS[-1] + 1)
    assert "numbers a call beyond 4000" in heard.violation()
