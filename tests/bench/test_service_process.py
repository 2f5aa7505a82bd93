"""The service that is measured: started, spoken to, and ended."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from typing import NoReturn

import pytest

from openclaw.bench.bench import Bench
from openclaw.bench.figure import NotMeasured
from openclaw.bench.service_process import ServiceProcess


def test_a_service_answers_and_is_stopped_at_the_end(bench: Bench) -> None:
    with bench.service() as service, closing(service.client()) as client:
        reply = client.ask("hello", session="other")
        assert (reply["session"], reply["route"]) == ("other", "persistent")
        assert (service.outbox / f"{reply['id']}.json").is_file()
        assert len(service.open_channels()) == 1
    assert _has_ended(service.pid)
    assert service.open_channels() == []  # it was stopped, not killed


def test_a_service_that_does_not_start_is_told_with_its_own_words(bench: Bench) -> None:
    with pytest.raises(NotMeasured, match="DRAIN_TIMEOUT takes"), bench.service({"DRAIN_TIMEOUT": "soon"}):
        pass


def test_a_service_that_logged_an_error_was_not_measured(bench: Bench) -> None:
    with pytest.raises(NotMeasured, match="the disk is full"), bench.service() as service:
        _spoil(service)


def test_a_failure_of_the_figure_ends_the_service_and_is_the_one_that_is_told(bench: Bench) -> None:
    service = bench.service()
    with pytest.raises(NotMeasured, match="enough"), service:
        _spoil_and_fail(service)
    assert _has_ended(service.pid)


def test_an_answer_that_is_not_the_expected_one_is_not_measured(bench: Bench) -> None:
    with bench.service() as service, closing(service.client()) as client:
        with pytest.raises(NotMeasured, match="404"):
            client.get("/nothing-here")
        with pytest.raises(NotMeasured, match="is empty"):
            client.send("")
        assert client.get("/healthz") == {"status": "ok"}  # on the same connection


def test_a_service_that_has_died_does_not_keep_the_figure_waiting(bench: Bench) -> None:
    with bench.service() as service:
        os.kill(service.pid, signal.SIGKILL)
        os.waitid(os.P_PID, service.pid, os.WEXITED | os.WNOWAIT)
        with closing(service.client()) as client, pytest.raises(ConnectionRefusedError):
            client.ask("hello")


def _spoil(service: ServiceProcess) -> None:
    with open(service.home / "logs" / "app.log", "a") as log:
        log.write("2026-11-24 10:00:00,000 [ERROR] the disk is full\n")


def _spoil_and_fail(service: ServiceProcess) -> NoReturn:
    _spoil(service)
    raise NotMeasured("enough")


def _has_ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_what_a_service_has_in_the_engine_is_told(engine_bench: Bench) -> None:
    with engine_bench.service() as service, closing(service.client()) as client:
        client.ask("hello")
        assert [(one.role, one.running) for one in service.containers()] == [("main", True)]
        following, others = service.children()
        assert len(following) == 1
        assert following[0] not in others
    assert service.left == []


def test_what_a_service_leaves_behind_is_told_and_removed(engine_bench: Bench) -> None:
    with engine_bench.service() as service, closing(service.client()) as client:
        client.ask("hello")
        os.kill(service.pid, signal.SIGKILL)
    assert [one.role for one in service.left] == ["main"]
    assert service.containers() == []


def test_a_group_that_was_put_may_be_spoken_to(bench: Bench) -> None:
    with bench.service() as service, closing(service.client()) as client:
        client.put_group("friends")
        assert [group["name"] for group in client.get("/groups")["groups"]] == ["main", "friends"]
