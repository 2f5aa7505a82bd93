"""The transport: a line in, a line out, whatever the client sends and however slowly it reads."""

from __future__ import annotations

import json
import os
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, BinaryIO

import pytest

from agent_runner.cancel import Cancel
from agent_runner.engines.engine import TurnCancelled
from agent_runner.mcp import stdio
from agent_runner.mcp.server import Server
from agent_runner.mcp.stdio import MAX_LINE, MAX_UNDER_WAY, Stdio

TIMEOUT = 30.0

Answer = dict[str, Any]


class Client:
    """A client of a server on real pipes. Calls of the tool `get_subagent` wait until `answer` lets them go on."""

    def __init__(self, stack: ExitStack) -> None:
        self.waiting: queue.Queue[tuple[str, queue.Queue[Answer | Exception]]] = queue.Queue()
        theirs_in, ours_out = os.pipe()
        ours_in, self._theirs_out = os.pipe()
        self.source: BinaryIO = os.fdopen(ours_out, "wb", buffering=0)
        self.answers: BinaryIO = os.fdopen(ours_in, "rb")
        serving = stack.enter_context(os.fdopen(theirs_in, "rb"))
        self._thread = threading.Thread(target=Stdio(Server(self._ask), serving, self._theirs_out).run)
        self._thread.start()
        stack.callback(self.close)

    def _ask(self, tool: str, arguments: dict[str, Any], cancel: Cancel) -> Answer:
        if tool != "get_subagent":
            return {"tool": tool}
        outcome: queue.Queue[Answer | Exception] = queue.Queue()
        with cancel.calling(lambda: outcome.put(TurnCancelled())):
            self.waiting.put((arguments["id"], outcome))
            given = outcome.get(timeout=TIMEOUT)
        if isinstance(given, Exception):
            raise given
        return given

    def send(self, *messages: Any) -> None:
        for message in messages:
            self.source.write(json.dumps(message).encode() + b"\n")

    def request(self, request_id: Any, method: str, **params: Any) -> None:
        self.send({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})

    def call(self, request_id: Any, name: str = "get_subagent", **arguments: Any) -> None:
        self.request(request_id, "tools/call", name=name, arguments=arguments)

    def wait_asked(self) -> Callable[[Answer | Exception], None]:
        """Wait until the host is asked; what answers it."""
        return self.waiting.get(timeout=TIMEOUT)[1].put

    def read(self) -> Answer:
        """The next answer."""
        answer = json.loads(self.answers.readline())
        assert isinstance(answer, dict)
        return answer

    def finish(self) -> list[Answer]:
        """Close this end and wait for the server's; the answers that are left."""
        self.source.close()
        self._thread.join(TIMEOUT)
        assert not self._thread.is_alive()
        os.close(self._theirs_out)
        self._theirs_out = -1
        return [json.loads(line) for line in self.answers]

    def close(self) -> None:
        self.source.close()
        self.answers.close()
        self._thread.join(TIMEOUT)
        if self._theirs_out >= 0:
            os.close(self._theirs_out)


@pytest.fixture
def client() -> Iterator[Client]:
    with ExitStack() as stack:
        yield Client(stack)


def test_each_request_is_answered_on_a_line_of_its_own(client: Client) -> None:
    client.request(1, "initialize", protocolVersion="2025-11-25")
    client.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
    client.request("two", "ping")
    client.call(3, "list_subagents")

    assert client.read()["result"]["protocolVersion"] == "2025-11-25"
    assert client.read() == {"jsonrpc": "2.0", "id": "two", "result": {}}
    assert client.read()["result"]["content"][0]["text"] == '{"tool": "list_subagents"}'
    assert client.finish() == []


def test_a_call_that_waits_holds_up_nobody(client: Client) -> None:
    client.call(1, id="a.s1")
    go_on = client.wait_asked()
    client.request(2, "ping")
    client.call(3, "list_subagents")

    assert {client.read()["id"], client.read()["id"]} == {2, 3}
    go_on({"status": "done"})
    assert client.read()["id"] == 1


def test_a_cancelled_call_ends_and_is_not_answered(client: Client) -> None:
    client.call("1", id="a.s1")
    client.wait_asked()
    client.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})  # another one's id
    client.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "1", "reason": "no"}})
    client.request(2, "ping")

    assert client.finish() == [{"jsonrpc": "2.0", "id": 2, "result": {}}]


@pytest.mark.parametrize("params", [None, [], {}, {"requestId": None}, {"requestId": []}, {"requestId": "nobody's"}])
def test_a_cancellation_of_nothing_is_let_be(client: Client, params: Any) -> None:
    client.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params})
    client.request(1, "ping")

    assert client.read()["id"] == 1


def test_an_id_is_not_used_for_two_calls_at_once(client: Client) -> None:
    client.call(1, id="a.s1")
    go_on = client.wait_asked()
    client.call(1, id="a.s2")

    assert client.read()["error"]["code"] == -32600
    go_on({})
    assert "result" in client.read()
    for _ in range(50):  # it is free as soon as the answer is there
        client.call(1, "list_subagents")
        assert "result" in client.read()


def test_only_so_many_calls_are_under_way(client: Client) -> None:
    for number in range(MAX_UNDER_WAY):
        client.call(number, id="a.s1")
    go_on = [client.wait_asked() for _ in range(MAX_UNDER_WAY)]
    client.call(-1, id="a.s1")

    assert client.read()["error"] == {"code": -32603, "message": "32 calls are under way; wait for one of them"}
    for let_go in go_on:
        let_go({})
    assert {client.read()["id"] for _ in go_on} == set(range(MAX_UNDER_WAY))


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", -32700),
        (b"hello", -32700),
        (b"\xff\xfe", -32700),
        (b'{"a": "\xff"}', -32700),
        (b'{"jsonrpc": "2.0", "jsonrpc": "2.0"}', -32700),
        (b"[" * 100_000, -32600),
        (b'{"a": ' * 50_000, -32700),
        (b'[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]', -32600),
        (b"3", -32600),
        (b'"x"', -32600),
        (b"null", -32600),
        (b"true", -32600),
        (b"{}", -32600),
        (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": true, "method": "tools/call"}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": 5}', -32602),
    ],
)
def test_what_is_malformed_is_answered_and_the_next_message_is_read(client: Client, line: bytes, code: int) -> None:
    client.source.write(line + b"\n")
    client.request(2, "ping")

    answer = client.read()
    assert answer["error"]["code"] == code
    assert answer["id"] == (1 if code == -32602 else None)
    assert '"text"' not in answer["error"]["message"], "the hint is for messages to the service"
    assert client.read()["id"] == 2


def test_a_line_that_is_too_long_is_skipped_as_a_whole(client: Client) -> None:
    def flood() -> None:
        client.source.write(b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "x": "')
        for _ in range(3):
            client.source.write(b"x" * MAX_LINE)
        client.source.write(b'"}\n')
        client.request(2, "ping")

    thread = threading.Thread(target=flood)
    thread.start()

    refused = client.read()
    assert refused["error"] == {"code": -32700, "message": f"a message takes at most {MAX_LINE} bytes"}
    assert refused["id"] is None
    assert client.read()["id"] == 2
    thread.join(TIMEOUT)


def test_empty_lines_are_let_be(client: Client) -> None:
    client.source.write(b"\n \r\n")
    client.request(1, "ping")

    assert client.read()["id"] == 1


def test_a_last_line_without_an_end_counts(client: Client) -> None:
    client.source.write(b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}')

    assert client.finish() == [{"jsonrpc": "2.0", "id": 1, "result": {}}]


def test_an_end_in_the_middle_of_a_message_is_said(client: Client) -> None:
    client.source.write(b'{"jsonrpc": "2.0", "id": 1, "meth')

    (answer,) = client.finish()
    assert answer["error"]["code"] == -32700


def test_a_call_under_way_may_end_after_the_client_s_end(client: Client) -> None:
    client.call(1, id="a.s1")
    go_on = client.wait_asked()
    client.source.close()
    go_on({})

    assert [answer["id"] for answer in client.finish()] == [1]


def test_one_that_does_not_end_then_is_cancelled(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "EOF_GRACE", 0.01)
    client.call(1, id="a.s1")
    client.wait_asked()

    assert client.finish() == []


def test_a_container_that_has_no_thread_left_says_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        client.call(1, "list_subagents")
        assert client.read()["error"] == {"code": -32603, "message": "no thread can be started"}
    client.call(1, "list_subagents")
    assert "result" in client.read()


def test_a_client_that_reads_slowly_gets_every_answer_once(client: Client) -> None:
    count = 2000

    def send() -> None:
        for number in range(count):
            client.request(number, "tools/list")

    thread = threading.Thread(target=send)
    thread.start()

    assert [client.read()["id"] for _ in range(count)] == list(range(count))
    thread.join(TIMEOUT)


def test_lines_of_calls_that_end_together_do_not_mix(client: Client) -> None:
    for number in range(MAX_UNDER_WAY):
        client.call(number, id="a.s1")
    go_on = [client.wait_asked() for _ in range(MAX_UNDER_WAY)]
    for let_go in go_on:
        let_go({"status": "done", "text": "x" * 90_000})

    answers = [client.read() for _ in go_on]
    assert {answer["id"] for answer in answers} == set(range(MAX_UNDER_WAY))


def test_a_client_that_does_not_read_any_more_ends_the_server(client: Client) -> None:
    client.answers.close()

    client.request(1, "ping")
    client.source.write(b"\n")

    client._thread.join(TIMEOUT)
    assert not client._thread.is_alive()


def test_a_fault_of_ours_is_told_to_the_client(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    client.call(1, id="a.s1")
    client.wait_asked()(ZeroDivisionError("oh"))

    assert client.read()["error"] == {"code": -32603, "message": "ZeroDivisionError: oh"}
    assert "a call failed" in caplog.text
