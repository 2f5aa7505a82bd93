"""Events: whole lines as they are appended, numbered from 1, and a file that lies ends its container."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from openclaw.containers.channel import Channel, Channels
from openclaw.containers.event_tail import Event
from openclaw.message.frames import MAX_EVENT, MAX_EVENT_LINES, MAX_EVENTS
from tests.support.heard import Heard, listen, write
from tests.support.listing import shown


def _append(channel: Channel, text: str, name: str = "m1.events.jsonl") -> Path:
    path = channel.path / "out" / name
    with path.open("a") as file:
        file.write(text)
    return path


def test_lines_are_delivered_as_they_are_appended(channel: Channel, heard: Heard) -> None:
    listen(channel, heard)
    channel.send("request", "m1", {})
    _append(channel, '{"kind":"delta","text":"a"}\n')
    assert heard.event() == ("m1", Event(1, {"kind": "delta", "text": "a"}))
    _append(channel, '{"kind":"delta","text":"b"}\n{"kind":"tool","name":"Bash","detail":"ls"}\n')
    assert heard.event() == ("m1", Event(2, {"kind": "delta", "text": "b"}))
    assert heard.event() == ("m1", Event(3, {"kind": "tool", "name": "Bash", "detail": "ls"}))


def test_half_a_line_waits_for_its_end(channel: Channel, heard: Heard) -> None:
    listen(channel, heard)
    channel.send("request", "m1", {})
    _append(channel, '{"kind":"delta",')
    _append(channel, '"text":"a"}\n')
    assert heard.event()[1] == Event(1, {"kind": "delta", "text": "a"})


def test_events_come_before_the_response_that_follows_them(channel: Channel, heard: Heard) -> None:
    channel.send("request", "m1", {})
    _append(channel, '{"kind":"delta","text":"a"}\n')
    write(channel, "response", "m1")
    order: list[str] = []
    channel.listen(lambda frame: order.append(frame.kind), lambda *_: order.append("events"), order.append)
    assert order == ["events", "response"]


def test_a_process_that_takes_over_hears_them_from_the_first(
    channel: Channel, channels: Channels, heard: Heard
) -> None:
    listen(channel, heard)
    channel.send("request", "m1", {})
    _append(channel, '{"kind":"delta","text":"a"}\n')
    heard.event()
    channel.close()
    again = channels.open("c1")
    listen(again, heard)
    assert heard.event()[1].number == 1
    again.close()


def test_the_end_of_a_turn_takes_its_events_with_it(channel: Channel, heard: Heard) -> None:
    listen(channel, heard)
    channel.send("request", "m1", {})
    _append(channel, '{"kind":"delta","text":"a"}\n')
    heard.event()
    channel.forget("m1")
    assert shown(channel.path / "out") == []


def test_a_turn_that_was_given_up_may_go_on_writing(channel: Channel, heard: Heard) -> None:
    listen(channel, heard)
    channel.send("request", "m1", {})
    with (channel.path / "out" / "m1.events.jsonl").open("a") as file:
        for number in range(5000):
            file.write('{"kind":"delta","text":"a"}\n')
            file.flush()
            if number == 0:
                heard.event()
                channel.forget("m1")
    channel.send("request", "m2", {})
    write(channel, "started", "m2")
    assert heard.frame().id == "m2"
    assert heard.violations.empty()


def _replace(path: Path) -> None:
    fresh = path.with_name(".fresh")
    fresh.write_text('{"kind":"delta","text":"other"}\n' * 3)
    fresh.rename(path)


def _cut(path: Path) -> None:
    os.truncate(path, 5)


def _link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


@pytest.mark.parametrize("change", [_replace, _cut, _link])
def test_a_file_that_is_replaced_or_cut_is_a_violation(
    channel: Channel, heard: Heard, change: Callable[[Path], None]
) -> None:
    listen(channel, heard)
    channel.send("request", "m1", {})
    path = _append(channel, '{"kind":"delta","text":"a"}\n')
    heard.event()
    change(path)
    write(channel, "response", "m1")  # the host looks at the events once more before it
    assert "m1.events.jsonl" in heard.violation()


@pytest.mark.parametrize(
    "line",
    [
        "{half\n",
        "[]\n",
        "\n",
        '{"kind":"other"}\n',
        '{"kind":"delta"}\n',
        '{"kind":"delta","text":1}\n',
        '{"kind":"delta","text":"a","more":1}\n',
        '{"kind":"tool","name":["x"]}\n',
        '{"kind":"tool","name":"' + "x" * 300 + '"}\n',
        '{"kind":"delta","text":"' + "x" * MAX_EVENT + '"}\n',
        "x" * (MAX_EVENT + 1),
    ],
)
def test_a_line_that_is_no_event_is_a_violation(channel: Channel, heard: Heard, line: str) -> None:
    listen(channel, heard)
    channel.send("request", "m1", {})
    _append(channel, line)
    assert "m1.events.jsonl" in heard.violation()


def test_a_flood_is_a_violation(channel: Channel, heard: Heard) -> None:
    channel.send("request", "m1", {})
    _append(channel, '{"kind":"delta","text":"' + "x" * 1000 + '"}\n')
    os.truncate(channel.path / "out" / "m1.events.jsonl", MAX_EVENTS + 1)
    listen(channel, heard)
    assert "m1.events.jsonl" in heard.violation()


SMALL = '{"kind":"delta","text":""}\n'


def test_one_that_tells_very_much_holds_up_no_other(channels: Channels, channel: Channel, heard: Heard) -> None:
    other = channels.create("c2")
    ready = threading.Event()
    told: list[int] = []

    def on_events(_: str, events: list[Event]) -> None:
        assert ready.wait(10)
        told.append(events[-1].number)

    channel.listen(heard.frames.put, on_events, heard.violations.put)
    other.listen(lambda frame: heard.frames.put(frame._replace(number=told[-1])), lambda *_: None, heard.violations.put)
    for each in (channel, other):
        each.send("request", "m1", {})
    _append(channel, SMALL * 20_000)
    write(channel, "response", "m1")
    write(other, "started", "m1")
    ready.set()

    first, second = heard.frame(), heard.frame()
    assert (first.kind, first.number < 20_000) == ("started", True)
    assert (second.kind, told[-1]) == ("response", 20_000)
    other.close()


def test_many_small_events_are_a_flood_too(channel: Channel, heard: Heard) -> None:
    listen(channel, heard)
    channel.send("request", "m1", {})
    _append(channel, SMALL * (MAX_EVENT_LINES + 1))
    assert f"has more than {MAX_EVENT_LINES} lines" in heard.violation()


def test_a_link_in_the_place_of_events_is_never_followed(channel: Channel, heard: Heard) -> None:
    channel.send("request", "m1", {})
    (channel.path / "out" / "m1.events.jsonl").symlink_to("/etc/passwd")
    listen(channel, heard)
    assert "symbolic link" in heard.violation()
