"""JSON-RPC messages: what they ask, and the error that each malformed one is answered with."""

from __future__ import annotations

import pytest

from agent_runner.mcp.jsonrpc import INVALID_PARAMS, INVALID_REQUEST, Request, RpcError, parse


def test_a_request_says_what_is_asked() -> None:
    message = {"jsonrpc": "2.0", "id": "x", "method": "tools/list", "params": {"a": 1}, "more": True}

    assert parse(message) == Request("x", "tools/list", {"a": 1})
    assert parse({"jsonrpc": "2.0", "id": 0, "method": "ping"}) == Request(0, "ping", {})


@pytest.mark.parametrize("params", [{}, [], None, 1])
def test_a_notification_is_one_whatever_its_parameters(params: object) -> None:
    request = parse({"jsonrpc": "2.0", "method": "notifications/initialized", "params": params})

    assert request == Request(None, "notifications/initialized", {})


@pytest.mark.parametrize("answer", [{"result": {}}, {"error": {"code": 1, "message": "x"}}])
def test_a_response_asks_nothing(answer: dict[str, object]) -> None:
    assert parse({"jsonrpc": "2.0", "id": 1, **answer}) is None


@pytest.mark.parametrize(
    ("message", "code", "request_id"),
    [
        ([], INVALID_REQUEST, None),
        ([{"jsonrpc": "2.0", "id": 1, "method": "ping"}], INVALID_REQUEST, None),
        ("ping", INVALID_REQUEST, None),
        (None, INVALID_REQUEST, None),
        ({}, INVALID_REQUEST, None),
        ({"jsonrpc": "1.0", "id": 1, "method": "ping"}, INVALID_REQUEST, 1),
        ({"id": 1, "method": "ping"}, INVALID_REQUEST, 1),
        ({"jsonrpc": "2.0", "id": None, "method": "ping"}, INVALID_REQUEST, None),
        ({"jsonrpc": "2.0", "id": True, "method": "ping"}, INVALID_REQUEST, None),
        ({"jsonrpc": "2.0", "id": 1.5, "method": "ping"}, INVALID_REQUEST, None),
        ({"jsonrpc": "2.0", "id": {}, "method": "ping"}, INVALID_REQUEST, None),
        ({"jsonrpc": "2.0", "id": 1}, INVALID_REQUEST, 1),
        ({"jsonrpc": "2.0", "id": 1, "method": 5}, INVALID_REQUEST, 1),
        ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}, INVALID_PARAMS, 1),
        ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": None}, INVALID_PARAMS, 1),
    ],
)
def test_what_is_malformed_is_answered_with_an_error_and_the_id_or_null(
    message: object, code: int, request_id: object
) -> None:
    with pytest.raises(RpcError) as refused:
        parse(message)

    response = refused.value.response(refused.value.request_id)
    assert (response["error"]["code"], response["id"]) == (code, request_id)
    assert response["error"]["message"]
