"""How messages get in: by HTTP and as files dropped into ipc/inbox."""
