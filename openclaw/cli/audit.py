"""`openclaw audit`: the performance audit of Python code, without a model and without running it.

Runs on the main thread. Exit codes: 0 no critical finding is left, 1 one is, 2 wrong use. Needs no service and no home.
"""

from __future__ import annotations

import argparse
import os

from openclaw.audit import command
from openclaw.config import Config
from openclaw.errors import ConfigError, OpenClawError


def run(_config: Config, arguments: argparse.Namespace) -> int:
    """Audit what `arguments` name. Raises ConfigError for wrong use."""
    try:
        return command.run(arguments, os.environ)
    except command.WrongUse as error:
        raise ConfigError(str(error)) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OpenClawError(str(error)) from None
