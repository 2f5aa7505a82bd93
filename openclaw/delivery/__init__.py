"""How replies get out: the outbox, callbacks, and what is removed when it is old."""
