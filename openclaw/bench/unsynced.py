"""`python -m openclaw.bench.unsynced`: the service without any fsync, only to measure what they cost.

It loses messages in a power cut, and therefore cannot be had by a setting. Stops at SIGTERM.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

from openclaw import logs
from openclaw.config import load
from openclaw.service import Service
from openclaw.spool import Committer


def main() -> int:
    """As `openclaw serve`, on the home of the environment."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    config = load(os.environ)
    log = logs.setup(config)
    try:
        service = Service(config, committer=Committer(sync=False))
        service.start()
        print(f"openclaw ready on {service.http.url} (nothing is synced)", flush=True)
        stop.wait()
        service.stop()
    finally:
        log.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
