"""`openclaw logs`: the last lines of logs/app.log, and with -f those that come.

Runs on the main thread. Needs no service; following blocks on the kernel's word and survives the log's rotation.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from contextlib import closing

from openclaw.cli.log_file import LogFile
from openclaw.cli.terminal import printable
from openclaw.config import Config


def run(config: Config, arguments: argparse.Namespace) -> int:
    """Show them. Raises OpenClawError where there is no log, or it cannot be followed."""
    with closing(LogFile(config.home / "logs/app.log")) as log:
        if arguments.follow:
            log.watch()
        _show(log.tail(arguments.lines))
        if arguments.follow:
            for lines in log.follow(sys.stdout.fileno()):
                _show(lines)
            raise BrokenPipeError
    return 0


def _show(lines: Iterable[bytes]) -> None:
    for line in lines:
        print(printable(line.decode(errors="replace")))
    sys.stdout.flush()
