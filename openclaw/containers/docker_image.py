"""DockerImage: the image that containers are started from, by its name and, as long as that holds, by its id.

Any thread; no lock is held over a call to the engine.
"""

from __future__ import annotations

import threading

from openclaw.containers import docker_run
from openclaw.containers.cli import Cli


class DockerImage:
    """The engine is asked for the id once, and again after `forget`."""

    def __init__(self, cli: Cli, name: str) -> None:
        self._cli = cli
        self.name = name
        self._lock = threading.Lock()
        self._id = ""  # guarded by _lock; empty where it is not known

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

    def forget(self) -> None:
        """The name may mean another image by now."""
        with self._lock:
            self._id = ""
