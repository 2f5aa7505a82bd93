"""`python -m agent_runner`: serve a channel until told to end, or answer one message.

    --channel DIR                persistent mode: take requests from DIR/in, write responses to DIR/out
    --channel DIR --until-eof    end, too, when stdin comes to its end: the host is gone
    --once                       one message as JSON on stdin, one reply as JSON on stdout

Exit codes: 0 done (SIGTERM and the end of stdin included), 1 could not, 2 wrong use. The main thread wires the
parts and then only waits; stdout belongs to --once, everything else is said on stderr.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import sys
from pathlib import Path
from types import FrameType

from agent_runner.calls import Calls
from agent_runner.channel import Incoming, Outgoing
from agent_runner.engines import Engine, engine_from
from agent_runner.health import Health
from agent_runner.host import TurnHost
from agent_runner.once import answer_once
from agent_runner.turns import Turns
from openclaw.errors import ConfigError, OpenClawError
from openclaw.spool import Watcher

USAGE = "usage: python -m agent_runner --channel DIR [--until-eof] | --once"


def main(argv: list[str]) -> int:
    logging.basicConfig(format="%(asctime)s [%(levelname)s] %(message)s")
    try:
        match argv:  # argparse alone would be a tenth of the start-up, which a dedicated container's message waits for
            case ["--once"]:
                return 0 if answer_once(engine_from(os.environ), sys.stdin.buffer, sys.stdout.buffer) else 1
            case ["--channel", channel]:
                serve(Path(channel), engine_from(os.environ), until_eof=False)
            case ["--channel", channel, "--until-eof"]:
                serve(Path(channel), engine_from(os.environ), until_eof=True)
            case _:
                print(USAGE, file=sys.stderr)
                return 2
    except (OpenClawError, OSError) as error:
        print(f"agent_runner: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    return 0


def serve(channel: Path, engine: Engine, *, until_eof: bool) -> None:
    """Answer what comes through `channel` until told to end. Raises OSError where the channel cannot be used."""
    told_to_end = _told_to_end()
    outgoing = Outgoing(channel / "out")
    calls = Calls(outgoing.call)
    turns = Turns(
        engine, lambda turn: TurnHost(turn, calls, outgoing.open_events), outgoing.started, outgoing.response
    )
    health = Health(outgoing.pong, lambda: turns.count)
    watcher = Watcher()
    incoming = Incoming(channel / "in", watcher, turns=turns, calls=calls, health=health, outgoing=outgoing)
    health.start()
    watcher.start()
    incoming.listen()
    _wait_for_end(told_to_end, until_eof=until_eof)


def _told_to_end() -> int:
    """A descriptor that is readable once a signal has come that ends the runner.

    It is written to while the signal is taken: signal.pause() would sleep on after one that comes just before it.
    """
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _note)  # to process 1 the kernel gives only signals that it handles
    return reader


def _note(_signal: int, _frame: FrameType | None) -> None:
    """It is in the pipe already."""


def _wait_for_end(told_to_end: int, *, until_eof: bool) -> None:
    poll = select.poll()
    poll.register(told_to_end, select.POLLIN)
    if until_eof:
        poll.register(sys.stdin.fileno(), select.POLLIN)
    while all(fd != told_to_end and os.read(fd, 4096) for fd, _ in poll.poll()):
        pass  # what stdin says means nothing, its end does


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
