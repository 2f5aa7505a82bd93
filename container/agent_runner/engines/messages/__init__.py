"""The engine with a model behind it: our own loop over Anthropic's Messages API, through the host's gateway.

    engine        the engine: what its turns share
    turn          one turn: calls of the model, tools, and how it ends
    speech        what the sender is told meanwhile
    window        what the model is shown, and how much of its window that fills; encoding, as JSON
    room          making some where that gets full
    summary       old turns as one text
    history       what the session's earlier turns have left
    prompt        the system prompt and the user's message; memory and text_files for it; models, whom it is for
    leftover      what the turn leaves to its session
    tool_box      running the tools of one answer
    caller        one call of the model, with its retries; failures is what may go wrong
    answer        the model's answer, put together from events
    sse           events, from bytes
    gateway       connections to the gateway's socket, kept for the next call
    connection    HTTP/1.1 over one of them; framing, where a response ends; responses, what one means
    settings      what the environment says

Nothing is imported here: whoever has another engine does not pay for this one.
"""
