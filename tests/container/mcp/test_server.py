"""The protocol: both eras, what they list and call, and what malformed requests are answered with."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from agent_runner.cancel import Cancel
from agent_runner.engines.engine import TurnCancelled
from agent_runner.mcp.catalogue import CATALOGUE
from agent_runner.mcp.server import LEGACY, MAX_TEXT, META_CAPABILITIES, META_SERVER, META_VERSION, MODERN, Server
from openclaw import __version__
from openclaw.errors import CallRefused

META = {META_VERSION: MODERN, META_CAPABILITIES: {}}
IDENTITY = {"name": "openclaw", "title": "openclaw", "version": __version__}


class Host:
    """Answers with `value`, or raises it; `asked` holds what it was asked."""

    def __init__(self, value: dict[str, Any] | Exception | None = None) -> None:
        self.value = {} if value is None else value
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def ask(self, tool: str, arguments: dict[str, Any], _: Cancel) -> dict[str, Any]:
        self.asked.append((tool, arguments))
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


def answer(method: str, params: dict[str, Any] | None = None, host: Host | None = None) -> dict[str, Any]:
    message = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params or {}}
    response = Server((host or Host()).ask).handle(message, Cancel())
    assert response is not None
    assert (response["jsonrpc"], response["id"]) == ("2.0", 7)
    return response


def result(method: str, params: dict[str, Any] | None = None, host: Host | None = None) -> dict[str, Any]:
    found = answer(method, params, host)["result"]
    assert isinstance(found, dict)
    return found


def error(method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    found = answer(method, params)["error"]
    assert isinstance(found, dict)
    return found


def modern(**params: Any) -> dict[str, Any]:
    return {**params, "_meta": META}


# The modern era


def test_a_modern_client_discovers_what_there_is() -> None:
    discovered = result("server/discover", modern())

    assert discovered["resultType"] == "complete"
    assert discovered["supportedVersions"] == [MODERN]
    assert discovered["capabilities"] == {"tools": {}}
    assert discovered["_meta"] == {META_SERVER: IDENTITY}
    assert discovered["instructions"]
    assert discovered["ttlMs"] > 0
    assert discovered["cacheScope"] == "private"


def test_a_modern_request_needs_nothing_before_it() -> None:
    listed = result("tools/list", modern())

    assert listed["tools"] == CATALOGUE
    assert (listed["resultType"], listed["cacheScope"]) == ("complete", "private")
    called = result("tools/call", modern(name="list_subagents"))
    assert called["resultType"] == "complete"
    assert called["_meta"] == {META_SERVER: IDENTITY}


@pytest.mark.parametrize("version", ["2025-11-25", "1900-01-01", "2027-01-01", "", 5, None])
def test_another_version_is_answered_with_those_that_are_spoken(version: object) -> None:
    refused = error("tools/list", {"_meta": {**META, META_VERSION: version}})

    assert refused["code"] == -32022
    assert refused["data"] == {"supported": [MODERN], "requested": version}


@pytest.mark.parametrize("capabilities", [None, [], "all"])
def test_a_modern_request_without_capabilities_is_malformed(capabilities: object) -> None:
    refused = error("tools/list", {"_meta": {META_VERSION: MODERN, META_CAPABILITIES: capabilities}})

    assert refused["code"] == -32602
    assert META_CAPABILITIES in refused["message"]


@pytest.mark.parametrize("params", [{}, {"_meta": {}}, {"_meta": []}, {"_meta": {META_CAPABILITIES: {}}}])
def test_discovery_without_a_version_is_malformed(params: dict[str, Any]) -> None:
    assert error("server/discover", params)["code"] == -32602


@pytest.mark.parametrize("method", ["initialize", "ping", "logging/setLevel", "resources/list", "subscriptions/listen"])
def test_what_the_modern_era_has_not_is_unknown_there(method: str) -> None:
    assert error(method, modern())["code"] == -32601


# The legacy era


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        *((version, version) for version in LEGACY),
        *(("2025-03-26", "2024-11-05"), ("2024-10-07", LEGACY[0]), ("2099-01-01", LEGACY[0]), (MODERN, LEGACY[0])),
    ],
)
def test_a_version_is_agreed_on_at_the_beginning(asked: str, given: str) -> None:
    client = {"protocolVersion": asked, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}

    begun = result("initialize", client)

    assert begun["protocolVersion"] == given
    assert begun["capabilities"] == {"tools": {}}
    assert begun["serverInfo"] == IDENTITY
    assert "resultType" not in begun


@pytest.mark.parametrize("version", [None, 5, {}])
def test_a_beginning_without_a_version_is_malformed(version: object) -> None:
    assert error("initialize", {"protocolVersion": version})["code"] == -32602


def test_a_legacy_client_lists_calls_and_pings() -> None:
    assert result("tools/list") == {"tools": CATALOGUE}
    assert result("tools/list", {"_meta": {"progressToken": 1}}) == {"tools": CATALOGUE}
    assert result("ping") == {}
    called = result("tools/call", {"name": "list_subagents"}, Host({"subagents": []}))
    assert called == {"content": [{"type": "text", "text": '{"subagents": []}'}], "isError": False}


@pytest.mark.parametrize("method", ["logging/setLevel", "resources/list", "", "tools", "x" * 10_000])
def test_an_unknown_method_is_said(method: str) -> None:
    refused = error(method)

    assert refused["code"] == -32601
    assert len(refused["message"]) < 200


# Tools


def test_a_call_asks_the_host_and_tells_what_it_answered() -> None:
    host = Host({"id": "a.s1", "status": "queued", "place": 3})

    called = result("tools/call", {"name": "spawn_subagent", "arguments": {"task": "count", "wait": True}}, host)

    assert host.asked == [("spawn_subagent", {"task": "count", "wait": True})]
    assert called["isError"] is False
    assert json.loads(called["content"][0]["text"]) == {"id": "a.s1", "status": "queued", "place": 3}


def test_a_subagent_s_text_is_given_as_it_is() -> None:
    host = Host({"id": "a.s1", "status": "done", "text": "one\n“two”"})

    called = result("tools/call", {"name": "get_subagent", "arguments": {"id": "a.s1"}}, host)

    assert called["content"][0]["text"] == '{"id": "a.s1", "status": "done"}\n\none\n“two”'


def test_of_a_very_long_text_the_beginning_is_given() -> None:
    host = Host({"status": "done", "text": "x" * (MAX_TEXT + 1)})

    text = result("tools/call", {"name": "get_subagent", "arguments": {"id": "a.s1"}}, host)["content"][0]["text"]

    assert text.endswith(f"x… ({MAX_TEXT} of {MAX_TEXT + 1} characters; the user has all of it)")


def test_a_refusal_is_a_result_for_the_model_to_act_on() -> None:
    called = result("tools/call", {"name": "list_subagents"}, Host(CallRefused("a subagent works alone")))

    assert called == {"content": [{"type": "text", "text": "a subagent works alone"}], "isError": True}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"task": ""}, '"task" takes a string that is not empty'),
        ({"task": 5}, '"task" takes a string that is not empty, not 5'),
        ({"task": "x", "priority": "urgent"}, '"priority" takes one of high, normal, low'),
        ({"task": "x", "Wait": True}, "spawn_subagent has no argument 'Wait'; it takes task, context"),
        ({"task": "x", "paths": "/a"}, '"paths" takes a list of at most 16'),
    ],
)
def test_wrong_arguments_are_told_to_the_model_without_asking_the_host(arguments: dict[str, Any], said: str) -> None:
    host = Host()

    called = result("tools/call", {"name": "spawn_subagent", "arguments": arguments}, host)

    assert called["isError"]
    assert said in called["content"][0]["text"]
    assert not host.asked


@pytest.mark.parametrize(
    "params",
    [
        *({}, {"name": 5}, {"name": "rm"}, {"name": "list_subagents", "arguments": []}, {"name": None}),
        *({"name": "list_subagents", "arguments": None}, {"name": "list_subagents", "arguments": "x"}),
    ],
)
def test_a_call_of_no_tool_is_an_error_of_the_protocol(params: dict[str, Any]) -> None:
    assert error("tools/call", params)["code"] == -32602


def test_there_is_one_page_of_tools_only() -> None:
    assert error("tools/list", {"cursor": "x"})["code"] == -32602


def test_a_cancelled_call_is_not_answered() -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_subagents"}}

    assert Server(Host(TurnCancelled()).ask).handle(message, Cancel()) is None


@pytest.mark.parametrize("method", ["notifications/initialized", "notifications/cancelled", "notifications/x", "ping"])
def test_a_notification_is_never_answered(method: str) -> None:
    assert Server(Host().ask).handle({"jsonrpc": "2.0", "method": method, "params": []}, Cancel()) is None


def test_a_response_is_not_answered() -> None:
    assert Server(Host().ask).handle({"jsonrpc": "2.0", "id": 1, "result": {}}, Cancel()) is None


def test_whatever_comes_is_answered_or_let_be_as_the_protocol_has_it() -> None:
    chance = random.Random(20260728)
    scraps: list[Any] = [None, True, 0, 1.5, "", "x", "tools/call", "2.0", [], [{}], {}, MODERN, META, {"name": "x"}]
    keys = ["jsonrpc", "id", "method", "params", "result", "error", "_meta"]
    server = Server(Host().ask)
    for _ in range(5000):
        message = {key: chance.choice(scraps) for key in chance.sample(keys, chance.randint(0, len(keys)))}
        if chance.random() < 0.5:
            message |= {"jsonrpc": "2.0", "method": chance.choice(["tools/call", "tools/list", "initialize", "ping"])}
        response = server.handle(message, Cancel())
        if response is not None:
            assert ("result" in response) != ("error" in response)
            assert json.loads(json.dumps(response)) == response
