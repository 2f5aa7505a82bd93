"""The command line: arguments in, exit codes out.

Runs on the main thread and keeps no state. Exit codes: 0 done, 1 could not, 2 wrong use; 130 after Ctrl-C.
A subcommand's parts are imported when it is asked for, so that the clients do not load the service.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from openclaw import __version__
from openclaw.config import Config, load
from openclaw.errors import ConfigError, InvalidMessage, OpenClawError

Command = Callable[[Config, argparse.Namespace], int]

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code. Wrong arguments raise SystemExit(2), as argparse has it."""
    arguments = _parser().parse_args(argv)
    command: Command = arguments.command
    try:
        return command(load(os.environ), arguments)
    except (ConfigError, InvalidMessage) as error:
        print(f"openclaw: {error}", file=sys.stderr)
        return 2
    except OpenClawError as error:
        print(f"openclaw: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="openclaw", description="A personal assistant that runs on your own machine.")
    parser.add_argument("--version", action="version", version=f"openclaw {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="run the service in the foreground")
    serve.set_defaults(command=_serve)
    _add_send(commands.add_parser("send", help="send a message and print the reply"))
    status = commands.add_parser("status", help="show what runs where")
    status.add_argument("--json", action="store_true", help="print the status as JSON")
    status.set_defaults(command=_status)
    return parser


def _add_send(send: argparse.ArgumentParser) -> None:
    send.add_argument("text", metavar="TEXT", help="the message; - reads it from standard input")
    send.add_argument("--group", help="the group that it goes to (main)")
    send.add_argument("--session", help="the session that it belongs to (default)")
    send.add_argument("--priority", choices=("high", "normal", "low"), help="how urgent it is (normal)")
    send.add_argument("--id", help="an id of your own; the same id with the same text is one message")
    send.add_argument("--wait", type=_seconds, default=300.0, metavar="S", help="seconds to wait for the reply (300)")
    send.add_argument("--json", action="store_true", help="print the whole reply as JSON")
    send.set_defaults(command=_send)


def _seconds(text: str) -> float:
    """Seconds from 0 to a day; `nan` and `inf` are no such numbers."""
    seconds = float(text)
    if not 0 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError("takes seconds from 0 to 86400")
    return seconds


def _serve(config: Config, _arguments: argparse.Namespace) -> int:
    from openclaw.cli.serve import run

    return run(config)


def _send(config: Config, arguments: argparse.Namespace) -> int:
    from openclaw.cli.send import run

    return run(config, arguments)


def _status(config: Config, arguments: argparse.Namespace) -> int:
    from openclaw.cli.status import run

    return run(config, arguments)
