"""Containers: what starts, watches and removes them, and the drop-file channel by which the host talks to one.

`runtime` is the interface; `docker` and `process` are the two runtimes behind it; `channel` is the protocol's
host side. This room knows nothing of messages' order, of retries or of replies: that is `agents`.
"""
