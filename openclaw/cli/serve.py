"""`openclaw serve`: the service in the foreground, until SIGINT or SIGTERM.

Runs on the main thread, which only waits for the signal.
"""

from __future__ import annotations

import signal
import threading

from openclaw import logs
from openclaw.config import Config
from openclaw.service import Service


def run(config: Config) -> int:
    """Serve until a signal says to stop. Raises StartupError where the service cannot start."""
    stop = threading.Event()
    # Handlers rather than a blocked mask, which every child process would inherit.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    log = logs.setup(config)
    try:
        service = Service(config)
        service.start()
        print(f"openclaw ready on {service.http.url} (runtime {service.runtime_kind}, engine offline)", flush=True)
        stop.wait()
        for number in (signal.SIGINT, signal.SIGTERM):  # a second one ends it at once; nothing accepted is lost
            signal.signal(number, signal.SIG_DFL)
        service.stop()
    finally:
        log.close()
    return 0
