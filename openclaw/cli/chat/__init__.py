"""`openclaw chat`: a conversation in a terminal, or over a pipe, where each line is a message.

Runs on the main thread. Exit codes: 0 left by Ctrl-D or the end of the input, 1 a message of a pipe was not answered or
no service is there, 2 wrong use, 130 Ctrl-C in a pipe.
"""

from __future__ import annotations

import argparse
import sys

from openclaw.cli.chat.talk import leave_tidily, over_a_pipe, with_a_person
from openclaw.cli.client import Client
from openclaw.config import Config
from openclaw.message import Message


def run(config: Config, arguments: argparse.Namespace) -> int:
    """Talk. Raises InvalidMessage for wrong use, and what Client raises where no service is there at the beginning."""
    given = {"group": arguments.group, "session": arguments.session}
    pattern = Message.from_json({"text": "-", **{key: name for key, name in given.items() if name is not None}})
    leave_tidily()
    with Client.of(config) as client:
        status = client.get("/status")
        if arguments.group is not None:
            client.get(f"/groups/{pattern.group}")
    if sys.stdin.isatty() and sys.stdout.isatty():
        return with_a_person(config, pattern, status)
    return over_a_pipe(config, pattern, status)
