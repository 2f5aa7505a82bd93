"""MCP: what a turn may ask of the host, as a server of the Model Context Protocol, and a client for the engine.

    catalogue     the tools, and who is given which
    server        the protocol: a message in, the answer out
    jsonrpc       JSON-RPC 2.0 messages and errors
    client        the tools of a server as Tools for an engine; openclaw's own without a process between
    stdio         lines in, lines out, for clients of other makes
    side_channel  calls to the host by a process that is not the runner
    __main__      `python -m agent_runner.mcp`
"""
