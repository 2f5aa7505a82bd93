"""The engine with a model behind it: our own loop over Anthropic's Messages API, through the host's gateway.

    engine        the engine: what its turns share
    turn          one turn: calls of the model, tools, and how it ends
    speech        what the sender is told meanwhile
    window        what the model is shown, and how much of its window that fills
    summary       old turns as one text, when the window gets full
    history       what the session's earlier turns have left
    prompt        the system prompt and the user's message; instructions and profile are read for it
    tool_box      running the tools of one answer
    caller        one call of the model, with its retries; failures is what may go wrong
    answer        the model's answer, put together from events
    sse           events, from bytes
    gateway       connections to the gateway's socket, kept for the next call
    connection    HTTP/1.1 over one of them
    settings      what the environment says

Nothing is imported here: whoever has another engine does not pay for this one.
"""
