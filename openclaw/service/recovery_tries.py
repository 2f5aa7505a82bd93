"""RecoveryTries: recovery is tried until it is through, and who asks is told why it is not.

The first try is on the thread that starts the service; each further one on a thread of its own, "recovery", which the
timers begin and which ends with it. No try is lost for want of a thread.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from openclaw.errors import RuntimeFailure

if TYPE_CHECKING:
    from openclaw.clock import Alarms

log = logging.getLogger(__name__)

ENGINE_PAUSE: Final = 2.0
"""Seconds between two looks at an engine that does not answer."""

FIRST_PAUSE: Final = 2.0
LONGEST_PAUSE: Final = 60.0
"""Seconds until the next try after one that failed in our own code or on the disk; the pause doubles."""

ENGINE_AWAY: Final = (
    "no engine starts containers, so messages are accepted and wait: {why}. CONTAINER_RUNTIME=process goes on without"
    " an engine, and without isolation"
)

_WAIT: Final = "messages are accepted and wait"


class RecoveryTries:
    """`recover` is called until it returns. It raises RuntimeFailure while the engine does not answer."""

    def __init__(self, recover: Callable[[], None], alarms: Alarms) -> None:
        self._recover = recover
        self._alarms = alarms
        self._pause = FIRST_PAUSE
        self._closed = False
        self._engine_away = False
        self.problem = f"what the last process left is being taken over; {_WAIT}"
        """Why nothing runs yet; empty once recovery is through. Replaced as a whole; anybody may read it."""

    def begin(self) -> None:
        """The first try; returns after it, however it went."""
        self._try()

    def close(self) -> None:
        """Begin no further try; what is left is the next start's."""
        self._closed = True

    def _try(self) -> None:
        try:
            self._recover()
        except RuntimeFailure as error:
            problem = ENGINE_AWAY.format(why=error)
            if problem != self.problem:  # said once, and again where it is another one
                self.problem = problem
                log.warning(
                    "What runs in the engine is not known yet: %s; %s, and it is looked at again every %g s",
                    error, _WAIT, ENGINE_PAUSE,
                )  # fmt: skip
            self._engine_away = True
            self._later(ENGINE_PAUSE)
        except Exception as error:  # the top of the thread: without recovery nothing would ever run
            log.exception("What the last process left could not be taken over; next try in %.0f s", self._pause)
            self.problem = (
                f"what the last process left could not be taken over ({type(error).__name__}: {error}), "
                f"see logs/app.log; it is tried again, and {_WAIT}"
            )
            self._later(self._pause)
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
        else:
            if self._engine_away:
                log.info("The engine answers: what was accepted meanwhile is begun")
            elif self._pause > FIRST_PAUSE:
                log.info("What the last process left is taken over")
            self.problem = ""

    def _later(self, pause: float) -> None:
        self._alarms.call_later(pause, self._begin_again)

    def _begin_again(self) -> None:
        """On the timers' thread."""
        if self._closed:
            return
        try:
            threading.Thread(target=self._try, name="recovery", daemon=True).start()
        except RuntimeError as error:  # "can't start new thread", which may be over by the next time
            log.error("Recovery waits for a thread: %s; raise the limit of processes (ulimit -u)", error)
            self._later(ENGINE_PAUSE)
