"""The code inside the container: takes requests from its channel, has an engine answer them, writes responses.

    __main__   arguments, signals, the two modes
    channel    which frames came, and who gets them; which go
    request    a request's body, as a turn
    turns      sessions side by side, order kept within each
    cancel     the event that ends a turn early
    host       the host as a turn sees it: calls, and events
    health     pongs, by a thread that does nothing else
    once       one message from stdin, one reply to stdout
    engines/   who answers
    tools/     what an agent with a model can do in its container
    mcp/       what it may ask of the host, as an MCP server and its client

Of the project it imports only `openclaw.message`, `openclaw.spool` and `openclaw.errors`, which the image carries.
"""
