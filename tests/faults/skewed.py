"""A service whose date the test sets.

    python -m tests.faults.skewed ARGS…     as `python -m openclaw ARGS…`; the file SKEW_FILE holds the seconds by which
                                            the date is ahead, or, negative, behind
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import openclaw.clock
from openclaw.cli import main

_SKEW = Path(os.environ["SKEW_FILE"])


def _date(_clock: openclaw.clock.SystemClock) -> float:
    return time.time() + float(_SKEW.read_text() or 0)


if __name__ == "__main__":
    vars(openclaw.clock)["SystemClock"].time = _date  # the one place that dates come from
    sys.exit(main())
