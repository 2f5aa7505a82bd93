"""The gateway as a whole: who gets a place, what one container costs the others, and how it ends with nothing left."""

from __future__ import annotations

import errno
import os
import queue
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from openclaw.clock import SystemClock
from openclaw.errors import RuntimeFailure
from openclaw.gateway import gateway as gateway_module
from openclaw.gateway.door import Door
from openclaw.gateway.gateway import MAX_CONNECTIONS, Gateway, most_connections
from openclaw.gateway.upstream import Upstream
from tests.support.gateway import GatewayClient, Hall, RecordingBooks, hall
from tests.support.messages_answers import say
from tests.support.messages_api import MessagesApi
from tests.support.receiver import closed_port


class TestDoors:
    def test_each_container_has_its_own(self, served: Hall) -> None:
        doors = [served.admit(f"c{number}", f"g{number}") for number in range(10)]
        for door in doors:
            with GatewayClient(door) as client:
                assert client.say() == "You said: hi"
        assert [served.books.answers.get(timeout=10) for _ in doors] == [(f"g{number}", 200) for number in range(10)]

    def test_a_container_is_admitted_once(self, served: Hall, door: Path) -> None:
        with pytest.raises(RuntimeFailure, match="c1 already"):
            served.gateway.admit("c1", "friends", door, lambda _: True)

    def test_where_nothing_can_be_bound_that_is_told(self, served: Hall, tmp_path: Path) -> None:
        with pytest.raises(RuntimeFailure, match="No such file or directory"):
            served.gateway.admit("c1", "main", tmp_path / "gone", lambda _: True)

    def test_one_that_is_dismissed_is_closed_and_takes_what_runs_with_it(
        self, served: Hall, door: Path, api: MessagesApi
    ) -> None:
        other = served.admit("c2")
        with GatewayClient(door) as streaming, GatewayClient(door) as idle:
            assert idle.say() == "You said: hi"
            api.answers.append(say("one two", stall_after=1))
            streaming.call(text="for ever")
            streaming.head()
            assert streaming.piece()
            served.gateway.dismiss("c1")
            assert idle.at_end()
            with pytest.raises(EOFError):
                streaming.piece()
            assert api.next_left().text == "for ever"
            served.wait_until_served()
            with pytest.raises(ConnectionRefusedError):
                GatewayClient(door)
        with GatewayClient(other) as client:
            assert client.say() == "You said: hi"

    def test_one_that_nobody_knows_can_be_dismissed(self, served: Hall) -> None:
        served.gateway.dismiss("nobody")

    def test_a_cid_that_was_dismissed_may_come_again(self, served: Hall, door: Path) -> None:
        served.gateway.dismiss("c1")
        with GatewayClient(served.admit("c1", "friends")) as client:
            assert client.say() == "You said: hi"
        assert served.books.answers.get(timeout=10) == ("friends", 200)


class TestPlaces:
    def test_no_container_takes_more_than_half_of_what_is_free(self, tmp_path: Path, api: MessagesApi) -> None:
        with hall(tmp_path, api.url, max_connections=8) as served, ExitStack() as stack:
            greedy, modest = served.admit("greedy"), served.admit("modest", "friends")
            held = [stack.enter_context(GatewayClient(greedy)) for _ in range(8)]
            with GatewayClient(modest) as client:
                assert client.say() == "You said: hi"  # after all the others, who came to the thread before
            assert served.gateway.open_connections <= 4
            refused = held[-1].response()
            assert (refused.status, refused.headers["retry-after"]) == (529, "1")
            assert refused.json()["error"]["type"] == "overloaded_error"
            assert held[-1].at_end()
            assert held[0].say() == "You said: hi"

    def test_a_place_that_is_given_back_is_the_next_ones(self, tmp_path: Path, api: MessagesApi) -> None:
        with hall(tmp_path, api.url, max_connections=1) as served:
            door = served.admit()
            for _ in range(3):
                with GatewayClient(door) as client:
                    assert client.say() == "You said: hi"
                served.wait_until_served()
            assert served.gateway.open_connections == 0

    @pytest.mark.parametrize(("open_files", "connections"), [(10, 2), (900, 100), (65_536, MAX_CONNECTIONS)])
    def test_descriptors_are_kept_for_the_rest_of_the_service(self, open_files: int, connections: int) -> None:
        assert most_connections(open_files) == connections

    def test_a_crowd_is_logged_once(
        self, tmp_path: Path, api: MessagesApi, caplog: pytest.LogCaptureFixture
    ) -> None:
        with hall(tmp_path, api.url, max_connections=1) as served, GatewayClient(served.admit()) as first:
            first.say()
            for _ in range(3):
                with GatewayClient(tmp_path / "c1" / "gw") as another:
                    assert another.response().status == 529
        assert caplog.text.count("Turned away: the container c1 of the group main has 1 connections") == 1


class TestMisfortune:
    @pytest.fixture(autouse=True)
    def no_pause(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gateway_module, "_ACCEPT_PAUSE_S", 0.01)

    def test_without_descriptors_it_says_so_and_goes_on(
        self, served: Hall, door: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        accept, failures = Door.accept, iter([OSError(errno.EMFILE, "Too many open files")])

        def fail_first(door: Door) -> object:
            for failure in failures:
                raise failure
            return accept(door)

        monkeypatch.setattr(Door, "accept", fail_first)
        with GatewayClient(door) as client:
            assert client.say() == "You said: hi"
        assert "raise the limit of open files" in caplog.text

    def test_without_threads_a_container_is_told_to_ask_later(
        self, served: Hall, door: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        start = threading.Thread.start
        monkeypatch.setattr(threading.Thread, "start", refuse)
        with GatewayClient(door) as client:
            assert client.response().status == 529
        monkeypatch.setattr(threading.Thread, "start", start)
        with GatewayClient(door) as client:
            assert client.say() == "You said: hi"

    def test_a_fault_of_ours_ends_one_connection_only(
        self, served: Hall, door: Path, api: MessagesApi, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(turn_id: str) -> bool:
            raise ZeroDivisionError

        (door.parent / "other").mkdir()
        served.gateway.admit("c2", "main", door.parent / "other", fail)
        with GatewayClient(door.parent / "other") as unlucky, GatewayClient(door) as client:
            unlucky.call(x_openclaw_turn="t1")
            assert unlucky.at_end()
            assert client.say(x_openclaw_turn="none") == "You said: hi"
        assert "ZeroDivisionError" in caplog.text
        caplog.clear()  # what it holds holds the connections to the API too

    def test_so_does_a_fault_of_the_accept_thread(
        self, served: Hall, door: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        failures = iter([ZeroDivisionError()])
        accept = Gateway._accept

        def fail_first(gateway: Gateway, door: Door) -> None:
            for failure in failures:
                raise failure
            accept(gateway, door)

        monkeypatch.setattr(Gateway, "_accept", fail_first)
        with GatewayClient(door) as client:
            assert client.say() == "You said: hi"
        assert "could not accept" in caplog.text


class TestTheEnd:
    def test_streams_that_run_are_cut_on_both_sides(self, tmp_path: Path, api: MessagesApi) -> None:
        api.otherwise = lambda _: say("one two", stall_after=3)
        with ExitStack() as stack:
            with hall(tmp_path, api.url) as served:
                clients = [stack.enter_context(GatewayClient(served.admit(f"c{number}"))) for number in range(5)]
                for client in clients:
                    client.call()
                    client.head()
                    client.piece()
            for client in clients:
                with pytest.raises(EOFError):
                    client.events()
            for _ in clients:
                api.next_left()

    def test_afterwards_nobody_is_admitted(self, tmp_path: Path, api: MessagesApi) -> None:
        with hall(tmp_path, api.url) as served:
            pass
        with pytest.raises(RuntimeFailure, match="closed"):
            served.admit()

    def test_it_can_be_closed_without_having_been_started(self) -> None:
        Gateway(Upstream(f"http://127.0.0.1:{closed_port()}"), RecordingBooks(), SystemClock(), os.getuid()).close()

    def test_doors_may_open_and_close_while_others_are_used(self, served: Hall) -> None:
        failures: queue.Queue[BaseException] = queue.Queue()

        def come_and_go(number: int) -> None:
            try:
                for turn in range(10):
                    cid = f"c{number}-{turn}"
                    with GatewayClient(served.admit(cid)) as client:
                        assert client.say() == "You said: hi"
                        served.gateway.dismiss(cid)
                        assert client.at_end()
            except BaseException as failure:
                failures.put(failure)
                raise

        threads = [threading.Thread(target=come_and_go, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failures.empty()
