"""The MCP server: the host's tools, for clients of both of the protocol's eras.

    modern   2026-07-28: no handshake; every request bears its version and capabilities in `_meta`. server/discover
    legacy   2025-11-25 and earlier: begins with `initialize`. ping

Both: tools/list, tools/call. Only the protocol is here; how messages travel is a transport's business. It keeps no
state, so that any number of threads may call it, and a request means the same whatever came before it.
Source: https://modelcontextprotocol.io/specification/2026-07-28 and /2025-11-25.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from agent_runner.cancel import Cancel
from agent_runner.engines.engine import TurnCancelled
from agent_runner.mcp import jsonrpc
from agent_runner.mcp.catalogue import CATALOGUE
from agent_runner.mcp.jsonrpc import Message, Request, RpcError
from agent_runner.tools.schema import check
from agent_runner.tools.tool import ToolFailed
from openclaw import __version__
from openclaw.errors import CallRefused

MODERN: Final = "2026-07-28"
LEGACY: Final = ("2025-11-25", "2025-06-18", "2024-11-05")
"""Newest first. 2025-03-26 is left out: it alone has batches. Who asks for it gets the one before."""

META_VERSION: Final = "io.modelcontextprotocol/protocolVersion"
META_CAPABILITIES: Final = "io.modelcontextprotocol/clientCapabilities"
META_SERVER: Final = "io.modelcontextprotocol/serverInfo"

MAX_TEXT: Final = 100_000
"""Characters of a subagent's text that a result holds."""

_SERVER: Final = {"name": "openclaw", "title": "openclaw", "version": __version__}
_CAPABILITIES: Final[dict[str, Any]] = {"tools": {}}
_INSTRUCTIONS: Final = (
    "These tools act for the message that is being answered: they give heavy or risky work to subagents in containers "
    "of their own, tell the user something before the answer, schedule tasks, and register groups. Each says what "
    "really happened."
)
_CACHED: Final = {"ttlMs": 3_600_000, "cacheScope": "private"}
"""The tools change with the image only."""

Ask = Callable[[str, dict[str, Any], Cancel], dict[str, Any]]
"""Asks the host. Raises CallRefused with its reason, and TurnCancelled once the cancel is set."""

Method = Callable[[dict[str, Any], Cancel], dict[str, Any]]


class Server:
    """Answers messages by asking the host."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._tools = {tool["name"]: tool for tool in CATALOGUE}
        both: dict[str, Method] = {"tools/list": self._list, "tools/call": self._call}
        self._modern: dict[str, Method] = {"server/discover": _discover, **both}
        self._legacy: dict[str, Method] = {"initialize": _initialize, "ping": lambda *_: {}, **both}

    def handle(self, message: object, cancel: Cancel) -> Message | None:
        """The answer to a message; None where it is none to be answered, or was cancelled meanwhile.

        Blocks as long as the host does.
        """
        try:
            request = jsonrpc.parse(message)
        except RpcError as refused:
            return refused.response(refused.request_id)
        if request is None or request.id is None:
            return None
        try:
            return jsonrpc.result(request.id, self._answered(request, cancel))
        except RpcError as refused:
            return refused.response(request.id)
        except TurnCancelled:
            return None

    def _answered(self, request: Request, cancel: Cancel) -> dict[str, Any]:
        modern = _is_modern(request)
        method = (self._modern if modern else self._legacy).get(request.method)
        if method is None:
            era = MODERN if modern else f"versions up to {LEGACY[0]}"
            raise RpcError(jsonrpc.METHOD_NOT_FOUND, f"there is no method {request.method[:80]!r} in {era}")
        value = method(request.params, cancel)
        if not modern:
            return value
        cached = {} if request.method == "tools/call" else _CACHED
        return {"resultType": "complete", **value, **cached, "_meta": {META_SERVER: _SERVER}}

    def _list(self, params: dict[str, Any], _: Cancel) -> dict[str, Any]:
        if params.get("cursor") is not None:
            raise RpcError(jsonrpc.INVALID_PARAMS, "there is one page of tools only, and so no cursor")
        return {"tools": CATALOGUE}

    def _call(self, params: dict[str, Any], cancel: Cancel) -> dict[str, Any]:
        name, arguments = params.get("name"), params.get("arguments", {})
        if not isinstance(name, str) or not isinstance(arguments, dict):
            raise RpcError(jsonrpc.INVALID_PARAMS, 'tools/call takes "name", a string, and "arguments", an object')
        if name not in self._tools:
            raise RpcError(jsonrpc.INVALID_PARAMS, f"Unknown tool: {name[:80]}; there are {', '.join(self._tools)}")
        try:
            checked = check(name, arguments, self._tools[name]["inputSchema"])
            text, failed = _text(self._ask(name, checked, cancel)), False
        except (ToolFailed, CallRefused) as refused:  # for the model to act on, unlike an error of the protocol
            text, failed = str(refused), True
        return {"content": [{"type": "text", "text": text}], "isError": failed}


def _is_modern(request: Request) -> bool:
    """Whether the request is of the modern era. Raises RpcError where it is of no version that is spoken here."""
    meta = request.params.get("_meta")
    if not isinstance(meta, dict) or META_VERSION not in meta:
        if request.method == "server/discover":
            raise RpcError(jsonrpc.INVALID_PARAMS, f"server/discover needs {META_VERSION} in _meta, as in {MODERN!r}")
        return False
    version = meta[META_VERSION]
    if version != MODERN:
        supported = {"supported": [MODERN], "requested": version}
        raise RpcError(jsonrpc.UNSUPPORTED_VERSION, "Unsupported protocol version", supported)
    if not isinstance(meta.get(META_CAPABILITIES), dict):
        raise RpcError(jsonrpc.INVALID_PARAMS, f"a request of {MODERN} needs {META_CAPABILITIES}, an object, in _meta")
    return True


def _discover(_: dict[str, Any], __: Cancel) -> dict[str, Any]:
    # serverInfo stood here in drafts of this version; now it is in _meta.
    about = {"serverInfo": _SERVER, "instructions": _INSTRUCTIONS}
    return {"supportedVersions": [MODERN], "capabilities": _CAPABILITIES, **about}


def _initialize(params: dict[str, Any], _: Cancel) -> dict[str, Any]:
    asked = params.get("protocolVersion")
    if not isinstance(asked, str):
        raise RpcError(jsonrpc.INVALID_PARAMS, 'initialize needs "protocolVersion", a string')
    version = next((known for known in LEGACY if known <= asked), LEGACY[0])  # dates: they sort as text
    about = {"serverInfo": _SERVER, "instructions": _INSTRUCTIONS}
    return {"protocolVersion": version, "capabilities": _CAPABILITIES, **about}


def _text(value: dict[str, Any]) -> str:
    """What the host has answered: its JSON, and a longer text below it as it is."""
    text = value.get("text")
    if not isinstance(text, str) or not text:
        return json.dumps(value, ensure_ascii=False)
    if len(text) > MAX_TEXT:
        text = f"{text[:MAX_TEXT]}… ({MAX_TEXT} of {len(text)} characters; the user has all of it)"
    return json.dumps({key: given for key, given in value.items() if key != "text"}, ensure_ascii=False) + f"\n\n{text}"
