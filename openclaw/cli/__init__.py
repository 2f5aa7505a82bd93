"""The command line: arguments in, exit codes out.

Runs on the main thread and keeps no state. Exit codes: 0 done, 1 could not, 2 wrong use; 130 after Ctrl-C, 141 where
whoever reads the output has closed it, as `head` does: both as a shell counts signals.
A subcommand's parts are imported when it is asked for, so that the clients do not load the service.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from pathlib import Path

from openclaw import __version__
from openclaw.config import Config, load
from openclaw.errors import ConfigError, InvalidGroup, InvalidMessage, OpenClawError
from openclaw.message import is_id, is_name

Command = Callable[[Config, argparse.Namespace], int]

INTERRUPTED = 130
OUTPUT_CLOSED = 141

MAX_LINES = 100_000
"""Lines of the log that are shown at once."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code. Wrong arguments raise SystemExit(2), as argparse has it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show everything shows the rest
    try:
        try:
            return _run(argv)
        finally:
            sys.stdout.flush()  # here, where it can be answered for, and not as the interpreter ends
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC), sys.stdout.fileno())  # for what is still to be flushed
        return OUTPUT_CLOSED


def _run(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    command: Command | None = arguments.command
    try:
        if command is None:  # the doctor, who is there for settings that make no sense, too
            from openclaw.cli.doctor import run

            return run(os.environ, arguments)
        return command(load(os.environ), arguments)
    except (ConfigError, InvalidMessage, InvalidGroup) as error:
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
    _add_chat(commands.add_parser("chat", help="talk to the assistant; over a pipe each line is a message"))
    _add_logs(commands.add_parser("logs", help="show the end of the log, and follow it"))
    doctor = commands.add_parser("doctor", help="check this machine and the settings, and say what to do")
    doctor.add_argument("--json", action="store_true", help="print the checks as JSON")
    doctor.set_defaults(command=None)
    _add_bench(commands.add_parser("bench", help="measure openclaw on this machine, against its targets"))
    _add_audit(commands.add_parser("audit", help="find what makes Python code slow at 100 agents"))
    subagents = commands.add_parser("subagents", help="list the subagents that run or wait, or cancel one")
    subagents.add_argument("--json", action="store_true", help="print them as JSON")
    subagents.add_argument("--cancel", type=_id, metavar="ID", help="cancel the one with this id, as in a1b2.s1")
    subagents.set_defaults(command=_subagents)
    _add_subagents_actions(subagents)
    _add_agents(commands.add_parser("agents", help="list the agent profiles that subagents can follow"))
    _add_tasks(commands.add_parser("tasks", help="list, add, pause, resume and cancel scheduled tasks"))
    _add_groups(commands.add_parser("groups", help="list, show, add and remove groups"))
    return parser


def _add_send(send: argparse.ArgumentParser) -> None:
    send.add_argument("text", metavar="TEXT", help="the message; - reads it from standard input")
    send.add_argument("--group", help="the group that it goes to (main)")
    send.add_argument("--session", help="the session that it belongs to (default)")
    send.add_argument("--priority", choices=("high", "normal", "low"), help="how urgent it is (normal)")
    send.add_argument("--id", help="an id of your own; the same id with the same text is one message")
    with_it = "a file that goes with it; the group gets a copy"
    send.add_argument("--file", type=Path, action="append", metavar="PATH", help=with_it)
    how_long = "seconds to wait for the reply (300; on a terminal until it is there)"
    send.add_argument("--wait", type=_seconds, metavar="S", help=how_long)
    send.add_argument("--json", action="store_true", help="print the whole reply as JSON")
    send.set_defaults(command=_send)


def _add_subagents_actions(subagents: argparse.ArgumentParser) -> None:
    """The same as the options say, in the form that `groups` and `agents` have."""
    actions = subagents.add_subparsers(title="actions (list)", metavar="ACTION")
    listing = actions.add_parser("list", help="those that run or wait")
    listing.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print them as JSON")
    cancel = actions.add_parser("cancel", help="cancel one")
    cancel.add_argument("cancel", type=_id, metavar="ID", help="its id, as in a1b2.s1")


def _add_chat(chat: argparse.ArgumentParser) -> None:
    chat.add_argument("--group", help="the group to talk in (main)")
    chat.add_argument("--session", help="the session to go on with (default)")
    chat.set_defaults(command=_chat)


def _add_logs(logs: argparse.ArgumentParser) -> None:
    logs.add_argument("-n", "--lines", type=_count, default=20, metavar="N", help="lines from the end (20)")
    logs.add_argument("-f", "--follow", action="store_true", help="go on with what is logged, until Ctrl-C")
    logs.set_defaults(command=_logs)


def _add_agents(agents: argparse.ArgumentParser) -> None:
    agents.set_defaults(command=_agents, json=False)
    actions = agents.add_subparsers(title="actions (list)", metavar="ACTION")
    listing = actions.add_parser("list", help="each with what it is for, its tools, its model and where it lies")
    listing.add_argument("--json", action="store_true", help="print them as JSON")


def _add_tasks(tasks: argparse.ArgumentParser) -> None:
    tasks.set_defaults(command=_tasks, action="list", json=False)
    actions = tasks.add_subparsers(title="actions (list)", metavar="ACTION")
    listing = actions.add_parser("list", help="one line for each task")
    add = actions.add_parser("add", help="have something asked at times to come")
    add.add_argument("prompt", metavar="PROMPT", help="what is asked each time")
    when = add.add_mutually_exclusive_group(required=True)
    when.add_argument("--cron", metavar="EXPRESSION", help="five fields, as in '0 9 * * mon-fri'")
    when.add_argument("--interval", metavar="TIME", help="a minute at least, as in 15m or 1h30m")
    when.add_argument("--once", metavar="TIME", help="a local time as in 2026-12-01T09:00, or +20m")
    add.add_argument("--timezone", metavar="ZONE", help="whose clocks count, as in Europe/Berlin (the machine's)")
    add.add_argument("--group", help="the group that it is asked in (main)")
    add.add_argument("--session", help="the session that it belongs to (default)")
    add.add_argument("--isolated", action="store_true", help="give each run a session of its own")
    add.add_argument("--missed", choices=("run", "skip"), help="do once what came due while nothing ran, or not (run)")
    pause = actions.add_parser("pause", help="have a task not run until it is resumed")
    resume = actions.add_parser("resume", help="have a paused task go on")
    cancel = actions.add_parser("cancel", help="take a task away, with its history")
    history = actions.add_parser("history", help="what a task's last runs came to")
    named = {"pause": pause, "resume": resume, "cancel": cancel, "history": history}
    for name, action in {"list": listing, "add": add, **named}.items():
        action.set_defaults(action=name)
        action.add_argument("--json", action="store_true", help="print it as JSON")
        if name in named:
            action.add_argument("id", metavar="ID", type=_name, help="the task, as the list shows it")


def _add_groups(groups: argparse.ArgumentParser) -> None:
    groups.set_defaults(command=_groups, action="list", json=False)
    actions = groups.add_subparsers(title="actions (list)", metavar="ACTION")
    listing = actions.add_parser("list", help="one line for each group")
    listing.add_argument("--json", action="store_true", help="print the groups as JSON")
    show = actions.add_parser("show", help="a group's settings")
    show.add_argument("--json", action="store_true", help="print them as JSON")
    remove = actions.add_parser("remove", help="let nobody speak to a group any more; its files stay")
    add = actions.add_parser("add", help="make a group, or give one that is there these settings")
    add.add_argument("--trigger", metavar="TEXT", help="how messages in a chat begin that are meant for the assistant")
    add.add_argument("--allow", action="append", metavar="SENDER", help="listen to this sender, and to no others")
    add.add_argument("--network", choices=("none", "bridge"), help="what its containers reach (none)")
    add.add_argument(
        "--mount", action="append", metavar="PATH[:NAME][:rw]", help="show a place on this machine to its containers"
    )
    add.add_argument("--memory", type=int, metavar="MB", help="MiB that a container may take (512)")
    add.add_argument("--pids", type=int, metavar="N", help="processes and threads that a container may have (256)")
    add.add_argument("--cpus", type=float, metavar="N", help="processors that a container may use (2)")
    add.add_argument("--model", help="the model's name, for engines that have one")
    for name, action in (("list", listing), ("show", show), ("remove", remove), ("add", add)):
        action.set_defaults(action=name)
        if action is not listing:
            action.add_argument("name", metavar="NAME", help="the group")


def _add_bench(bench: argparse.ArgumentParser) -> None:
    bench.add_argument("names", nargs="*", metavar="NAME", help="a figure to measure (all)")
    bench.add_argument("--quick", action="store_true", help="few samples of everything, for a look")
    bench.add_argument("--json", type=Path, metavar="FILE", help="write the numbers to FILE, too")
    bench.set_defaults(command=_bench)


def _add_audit(audit: argparse.ArgumentParser) -> None:
    from openclaw.audit.command import add_arguments

    add_arguments(audit)
    audit.set_defaults(command=_audit)


def _id(text: str) -> str:
    if not is_id(text):
        raise argparse.ArgumentTypeError("takes an id, as in a1b2.s1")
    return text


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:9]) <= MAX_LINES):
        raise argparse.ArgumentTypeError(f"takes a whole number up to {MAX_LINES}")
    return int(text)


def _name(text: str) -> str:
    if not is_name(text):
        raise argparse.ArgumentTypeError("takes an id, as the list shows it")
    return text


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


def _chat(config: Config, arguments: argparse.Namespace) -> int:
    from openclaw.cli.chat import run

    return run(config, arguments)


def _logs(config: Config, arguments: argparse.Namespace) -> int:
    from openclaw.cli.logs import run

    return run(config, arguments)


def _subagents(config: Config, arguments: argparse.Namespace) -> int:
    from openclaw.cli.subagents import run

    return run(config, arguments)


def _agents(config: Config, arguments: argparse.Namespace) -> int:
    from openclaw.cli.agents import run

    return run(config, arguments)


def _tasks(config: Config, arguments: argparse.Namespace) -> int:
    from openclaw.cli.tasks import run

    return run(config, arguments)


def _groups(config: Config, arguments: argparse.Namespace) -> int:
    from openclaw.cli.groups import run

    return run(config, arguments)


def _bench(config: Config, arguments: argparse.Namespace) -> int:
    from openclaw.cli.bench import run

    return run(config, arguments)


def _audit(config: Config, arguments: argparse.Namespace) -> int:
    from openclaw.cli.audit import run

    return run(config, arguments)
