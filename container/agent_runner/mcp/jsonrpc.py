"""JSON-RPC 2.0 as MCP uses it: ids are strings or whole numbers, parameters are objects, there are no batches.

Pure functions; any thread. Codes are those of https://www.jsonrpc.org/specification and of MCP's schema of 2026-07-28.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from openclaw.errors import OpenClawError

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
UNSUPPORTED_VERSION: Final = -32022

NO_OBJECT: Final = "a message is one JSON object"

Message = dict[str, Any]
Id = str | int


class RpcError(OpenClawError):
    """A request that is answered with an error."""

    def __init__(self, code: int, text: str, data: Any = None, *, request_id: Id | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.data = data
        self.request_id = request_id

    def response(self, request_id: Id | None) -> Message:
        """The answer; its id is null where that could not be read, as JSON-RPC 2.0 has it (section 5)."""
        error = {"code": self.code, "message": str(self)}
        if self.data is not None:
            error["data"] = self.data
        return {"jsonrpc": "2.0", "id": request_id, "error": error}


class Request(NamedTuple):
    """A request, or with no id a notification, which is never answered."""

    id: Id | None
    method: str
    params: dict[str, Any]


def request(request_id: Id, method: str, params: dict[str, Any]) -> Message:
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}


def result(request_id: Id, value: dict[str, Any]) -> Message:
    return {"jsonrpc": "2.0", "id": request_id, "result": value}


def parse(message: object) -> Request | None:
    """What a message asks; None for a response, since nobody here asks anything. Raises RpcError."""
    if isinstance(message, list):
        raise RpcError(INVALID_REQUEST, "batches are not taken: send each message by itself")
    if not isinstance(message, dict):
        raise RpcError(INVALID_REQUEST, NO_OBJECT)
    request_id = message.get("id")
    if "id" in message and (not isinstance(request_id, str | int) or isinstance(request_id, bool)):
        raise RpcError(INVALID_REQUEST, '"id" is a string or a whole number')
    if message.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, '"jsonrpc" is "2.0"', request_id=request_id)
    method, params = message.get("method"), message.get("params", {})
    if method is None and ("result" in message or "error" in message):
        return None
    if not isinstance(method, str):
        raise RpcError(INVALID_REQUEST, '"method" is a string', request_id=request_id)
    if "id" not in message:
        return Request(None, method, params if isinstance(params, dict) else {})
    if not isinstance(params, dict):
        raise RpcError(INVALID_PARAMS, '"params" is an object', request_id=request_id)
    return Request(request_id, method, params)
