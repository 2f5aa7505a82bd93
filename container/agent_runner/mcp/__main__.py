"""`python -m agent_runner.mcp`: the host's tools for an MCP client, over standard input and output.

    --channel DIR    the container's channel; /channel by default
    --turn ID        the message to work for; the oldest one that runs in this container by default

Exit codes: 0 the client has closed its end, 1 there is no channel, 2 wrong use. Nothing but the protocol goes to
standard output: whatever else would be written there goes to standard error.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path

from agent_runner.mcp.server import Server
from agent_runner.mcp.side_channel import SideChannel
from agent_runner.mcp.stdio import Stdio
from openclaw.message import is_id

USAGE = "usage: python -m agent_runner.mcp [--channel DIR] [--turn ID]"
CHANNEL = "/channel"


def main(argv: list[str]) -> int:
    logging.basicConfig(format="%(asctime)s [%(levelname)s] %(message)s")
    options = {"--channel": CHANNEL, "--turn": ""}
    given = dict(zip(argv[::2], argv[1::2], strict=False))
    options.update(given)
    if len(argv) != 2 * len(given) or len(options) > 2 or (options["--turn"] and not is_id(options["--turn"])):
        print(USAGE, file=sys.stderr)
        return 2
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a client that does not read any more ends this
    target = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        channel = SideChannel(Path(options["--channel"]), options["--turn"])
    except OSError as error:
        print(f"agent_runner.mcp: no channel is at {options['--channel']}: {error.strerror}", file=sys.stderr)
        return 1
    Stdio(Server(channel.ask), sys.stdin.buffer, target).run()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
