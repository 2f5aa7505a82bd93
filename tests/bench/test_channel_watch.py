"""What containers write, seen in channels that come and go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from openclaw.bench import channel_watch
from openclaw.bench.bench import Bench
from openclaw.bench.channel_watch import ChannelWatch
from openclaw.bench.figure import NotMeasured
from openclaw.bench.service_process import ServiceProcess
from openclaw.bench.sessions import main_channel
from openclaw.clock import SystemClock


def _channel(service: ServiceProcess, cid: str, *frames: str) -> Path:
    """Make a channel as the service does: it is there as a whole."""
    hidden = service.channels / f".new.{cid}"
    (hidden / "out").mkdir(parents=True)
    for name in frames:
        (hidden / "out" / name).touch()
    hidden.rename(service.channels / cid)
    return service.channels / cid / "out"


@pytest.fixture
def service(bench: Bench) -> ServiceProcess:
    """One that does not run: its channels are the test's."""
    service = bench.service()
    service.channels.mkdir(parents=True)
    return service


@pytest.fixture
def watch(service: ServiceProcess) -> Iterator[ChannelWatch]:
    with closing(ChannelWatch(SystemClock(), service)) as watch:
        yield watch


def test_frames_are_seen_in_a_channel_that_was_there(service: ServiceProcess) -> None:
    out = _channel(service, "old")
    with closing(ChannelWatch(SystemClock(), service)) as watch:
        (out / "a.started.json").touch()
        assert watch.until_seen("a.started.json")


def test_frames_are_seen_in_a_channel_that_comes_later(service: ServiceProcess, watch: ChannelWatch) -> None:
    out = _channel(service, "new")
    assert [one.name for one in watch.next()] == ["new"]
    (out / "a.started.json").touch()
    assert [(one.directory, one.name) for one in watch.next()] == [(out, "a.started.json")]


def test_a_frame_that_came_before_its_channel_was_watched_is_seen_with_it(
    service: ServiceProcess, watch: ChannelWatch
) -> None:
    out = _channel(service, "new", "a.started.json", ".hidden")
    assert [(one.directory, one.name) for one in watch.next()] == [(service.channels, "new"), (out, "a.started.json")]


def test_a_channel_that_is_gone_again_is_let_be(service: ServiceProcess, watch: ChannelWatch) -> None:
    _channel(service, "brief")
    (service.channels / "brief").rename(service.channels / ".gone.brief")
    _channel(service, "next", "a.started.json")
    assert watch.until_seen("a.started.json")


def test_at_rest_are_a_service_whose_tasks_are_done_and_the_containers_that_stand_by(bench: Bench) -> None:
    with bench.service({"SUBAGENT_STANDBY": "2"}) as service, closing(service.client()) as client, ExitStack() as stack:
        main_channel(bench, service)
        watch = stack.enter_context(closing(ChannelWatch(bench.clock, service)))
        client.ask("warm up")
        watch.until_at_rest(client, 2)
        assert len(service.open_channels()) == 3
        assert client.get("/status")["dedicated"]["standby"] == 2

        before = set(service.open_channels())
        task = client.send("/spawn help")
        watch.until_seen(f"{task}.s1.started.json")
        watch.until_at_rest(client, 2)
        assert len(before & set(service.open_channels())) == 2  # one has served and has a successor


def test_a_service_that_says_otherwise_than_its_files_is_not_waited_for_without_end(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel_watch, "ASKS", 3)
    with bench.service() as service, closing(service.client()) as client, ExitStack() as stack:
        main_channel(bench, service)
        watch = stack.enter_context(closing(ChannelWatch(bench.clock, service)))
        client.ask("warm up")
        _channel(service, "strange", "h.pong.json")
        with pytest.raises(NotMeasured, match="does not come to 1 containers"):
            watch.until_at_rest(client, 1)
        (service.channels / "strange").rename(bench.root / "strange")
