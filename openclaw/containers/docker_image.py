"""DockerImage: the image that containers are started from, by its name and, as long as that holds, by its id.

Any thread; no lock is held over a call to the engine.
"""

from __future__ import annotations

import logging
import threading

from openclaw.containers import docker_run
from openclaw.containers.cli import Cli
from openclaw.errors import ImageMissing

log = logging.getLogger(__name__)


class DockerImage:
    """The engine is asked for the id once, and again after `forget`.

    One that is missing is a state, as an engine is that does not answer: `lost` begins it and `found` ends it.
    """

    def __init__(self, cli: Cli, name: str) -> None:
        self._cli = cli
        self.name = name
        self._lock = threading.Lock()
        # Guarded by _lock: both.
        self._id = ""  # empty where it is not known
        self._missing: ImageMissing | None = None  # what the last start said that did not find it

    def id(self) -> str:
        """Blocks; raises RuntimeFailure, ImageMissing where there is none of that name."""
        with self._lock:
            known = self._id
        if known:
            return known
        output = self._cli.run(["image", "inspect", "--format={{.Id}}", self.name])
        if output.code != 0:
            raise docker_run.failure(output, self.name)
        with self._lock:
            self._id = output.stdout
        return output.stdout

    @property
    def problem(self) -> str:
        """Why no container can be started; empty unless the image is missing."""
        with self._lock:
            return "" if self._missing is None else str(self._missing)

    def lost(self, error: ImageMissing) -> None:
        """A start has not found it."""
        with self._lock:
            known, self._missing = self._missing, error
            self._id = ""
        if known is None:
            log.error("No container can be started: %s. What is accepted waits for it; each health check looks", error)

    def found(self) -> bool:
        """Whether it has come since it was `lost`; only then the engine is asked. Blocks; raises RuntimeFailure."""
        with self._lock:
            missing = self._missing
        if missing is None:
            return False
        try:
            self.id()
        except ImageMissing:
            return False
        with self._lock:
            if self._missing is not missing:  # lost again meanwhile; who lost it asks
                return False
            self._missing = None
        log.info("The image %s is there: containers are started again", self.name)
        return True

    def forget(self) -> None:
        """The name may mean another image by now."""
        with self._lock:
            self._id = ""
