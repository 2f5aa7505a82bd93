"""`openclaw serve`: the service in the foreground, until SIGINT or SIGTERM.

Runs on the main thread, which only waits for the signal.
"""

from __future__ import annotations

import signal

from openclaw import logs
from openclaw.config import Config
from openclaw.service import Service


def run(config: Config) -> int:
    """Serve until a signal says to stop. Raises StartupError where the service cannot start."""
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    log = logs.setup(config)
    try:
        service = Service(config)
        service.start()
        print(f"openclaw ready on {service.http.url} (runtime {service.runtime_kind}, engine offline)", flush=True)
        signal.sigwait(signals)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)  # a second one ends it at once; nothing accepted is lost
        service.stop()
    finally:
        log.close()
    return 0
