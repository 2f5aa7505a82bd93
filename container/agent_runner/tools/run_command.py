"""Bash: a command run by a shell, with all that it starts ended at its time limit. No state; any thread."""

from __future__ import annotations

import errno
from typing import Any, Final

from agent_runner.engines.engine import TurnCancelled
from agent_runner.tools.checked import CheckedTool
from agent_runner.tools.patience import Patience
from agent_runner.tools.tool import ToolFailed, ToolUse

DEFAULT_MS: Final = 120_000
MAX_MS: Final = 600_000
"""Milliseconds that a command may take."""

OUTPUT: Final = 30_000
"""Bytes of its output that are shown."""

_HINT: Final = "; send the output to a file, and Read or Grep that"


def bash_tool() -> CheckedTool:
    return CheckedTool.made(
        "Bash",
        "Runs a command by /bin/sh in the working directory, without input; gives its output and errors as one, and "
        f"its exit code where that is not 0. Of more than {OUTPUT} bytes the middle is left out. Whatever it leaves "
        "running in the background ends with it.",
        {
            "command": {"type": "string", "minLength": 1, "description": "The command"},
            "timeout": {
                "type": "integer",
                "minimum": 1,
                "maximum": MAX_MS,
                "description": f"Milliseconds after which it is ended; {DEFAULT_MS} by default",
            },
            "description": {"type": "string", "description": "What it does, in a few words, for who looks on"},
        },
        ["command"],
        _run,
        read_only=False,
    )


def _run(arguments: dict[str, Any], use: ToolUse) -> str:
    from agent_runner.engines import shell  # here: subprocess costs every start 4 ms and 0.5 MB

    command, seconds = arguments["command"], arguments.get("timeout", DEFAULT_MS) / 1000
    if "\0" in command:
        raise ToolFailed("a command has no NUL character")
    patience = Patience(use, seconds, f"give it more time (timeout, at most {MAX_MS}), or do it in parts")
    try:
        output, code = shell.run(command, use.cancel, patience.left, keep=OUTPUT, hint=_HINT)
    except OSError as error:
        if error.errno == errno.E2BIG:
            raise ToolFailed("the command is too long for the kernel: Write it to a file and run that") from None
        raise
    if use.cancel.is_set():
        raise TurnCancelled
    output = output.rstrip()
    if code is None:
        raise ToolFailed(f"{output}\n(Ended: {patience.over()})".lstrip())
    if code:
        return f"{output}\n(exit code {code})".lstrip()
    return output or "(It has ended well, without output.)"
