"""An MCP client: the tools of a server as Tools for an engine, named `mcp__SERVER__NAME`.

openclaw's own server is connected to in memory: the messages are the same as through a pipe, without a process that
would cost each container its memory. It speaks 2026-07-28, which has no handshake, so a connection is made for each use
and knows the turn that it works for. No state; any thread.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from agent_runner.cancel import Cancel
from agent_runner.engines.engine import TurnCancelled
from agent_runner.mcp import jsonrpc
from agent_runner.mcp.catalogue import names_for
from agent_runner.mcp.jsonrpc import Message
from agent_runner.mcp.server import META_CAPABILITIES, META_VERSION, MODERN, Server
from agent_runner.tools.tool import Tool, ToolFailed, ToolUse
from openclaw import __version__
from openclaw.errors import CallRefused, OpenClawError

Connection = Callable[[Message], Message | None]
"""Sends a request and waits for its answer; None where it was cancelled."""

Connect = Callable[[ToolUse | None], Connection]
"""A connection for one use of a tool, or for none, to ask what there is."""

_ids = itertools.count(1)
_META = {
    META_VERSION: MODERN,
    META_CAPABILITIES: {},
    "io.modelcontextprotocol/clientInfo": {"name": "openclaw", "version": __version__},
}


def tools_of(server: str, connect: Connect) -> list[Tool]:
    """The tools of the server that is called `server`. Raises OpenClawError where it does not say what it has."""
    connection = connect(None)
    versions = _asked(connection, "server/discover", {}).get("supportedVersions", [])
    if MODERN not in versions:
        raise OpenClawError(f"the MCP server {server} speaks {versions}, and this client {MODERN}")
    listed = _asked(connection, "tools/list", {})["tools"]
    return [_RemoteTool.of(server, tool, connect) for tool in listed]


@lru_cache(maxsize=4)
def openclaw_tools(*, main: bool, subagent: bool) -> tuple[Tool, ...]:
    """openclaw's own tools for a turn of Main or of another group, or of a subagent, which has none."""
    names = {f"mcp__openclaw__{name}" for name in names_for(main=main, subagent=subagent)}
    return tuple(tool for tool in tools_of("openclaw", in_memory) if tool.definition["name"] in names)


def in_memory(use: ToolUse | None) -> Connection:
    """A connection to openclaw's own server, which asks the host of the turn."""

    def ask(tool: str, arguments: dict[str, Any], _: Cancel) -> dict[str, Any]:
        if use is None:
            raise CallRefused("no turn is there to ask for")
        return use.host.call(tool, arguments)

    server, cancel = Server(ask), Cancel() if use is None else use.cancel
    return lambda message: server.handle(message, cancel)


@dataclass(frozen=True, slots=True)
class _RemoteTool:
    """A tool of a server, as `agent_runner.tools.tool.Tool`."""

    definition: dict[str, Any]
    read_only: bool
    name: str
    connect: Connect

    @classmethod
    def of(cls, server: str, listed: dict[str, Any], connect: Connect) -> _RemoteTool:
        name = listed["name"]
        definition = {
            "name": f"mcp__{server}__{name}",
            "description": listed.get("description", ""),
            "input_schema": listed["inputSchema"],
        }
        return cls(definition, bool(listed.get("annotations", {}).get("readOnlyHint")), name, connect)

    def run(self, arguments: dict[str, Any], use: ToolUse) -> str:
        if use.cancel.is_set():
            raise TurnCancelled
        try:
            result = _asked(self.connect(use), "tools/call", {"name": self.name, "arguments": arguments})
        except OpenClawError as error:
            if use.cancel.is_set():
                raise TurnCancelled from error
            raise ToolFailed(str(error)) from error
        text = "\n".join(part["text"] for part in result.get("content", []) if part.get("type") == "text")
        if result.get("isError"):
            raise ToolFailed(text)
        return text


def _asked(connection: Connection, method: str, params: dict[str, Any]) -> dict[str, Any]:
    """The result of a request. Raises OpenClawError with the error that was answered."""
    answer = connection(jsonrpc.request(next(_ids), method, {**params, "_meta": _META}))
    if answer is None:
        raise OpenClawError(f"the MCP server did not answer {method}")
    if "error" in answer:
        raise OpenClawError(answer["error"]["message"])
    result: dict[str, Any] = answer["result"]
    return result
