"""A service whose disk reports errors while the test says so.

    python -m tests.faults.unlucky ARGS…     as `python -m openclaw ARGS…`; while the file UNLUCKY_FILE exists,
                                             each fsync fails as on a disk that cannot write any more
"""

from __future__ import annotations

import errno
import os
import sys

from openclaw.cli import main

_fsync = os.fsync


def _unlucky(fd: int) -> None:
    if os.path.exists(os.environ["UNLUCKY_FILE"]):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    _fsync(fd)


if __name__ == "__main__":
    vars(os)["fsync"] = _unlucky
    sys.exit(main())
