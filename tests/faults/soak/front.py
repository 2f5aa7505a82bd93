"""The service as its callers see it: an address that may be gone for a moment, and another one after a restart.

`call` may be used by many threads at once; `start`, `kill` and `stop` by one.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support.service import RunningService

BOUND = 120.0
"""Seconds that a caller waits for a service that is being started again."""


class SoakedService(RunningService):
    """A service whose containers are killed, which it may say."""

    may_log_errors = True


class Front:
    """One home, and the service that runs on it at the moment."""

    def __init__(self, home: Path, settings: Mapping[str, str]) -> None:
        self.home = home
        self._settings = dict(settings)
        self._changed = threading.Condition()
        # Guarded by _changed: the port, 0 while there is no service. The service itself is its one thread's.
        self._port = 0
        self._service: SoakedService | None = None

    @property
    def pid(self) -> int:
        assert self._service is not None
        return self._service.process.pid

    def start(self) -> None:
        service = SoakedService(self.home, **self._settings)
        service.__enter__()
        self._service = service
        self._tell(urlsplit(service.url).port or 0)

    def kill(self) -> None:
        """kill -9; callers wait until it is started again."""
        assert self._service is not None
        self._tell(0)
        self._service.kill()
        self._service.__exit__(None, None, None)

    def stop(self) -> int:
        assert self._service is not None
        self._tell(0)
        code = self._service.stop()
        self._service.__exit__(None, None, None)
        return code

    def _tell(self, port: int) -> None:
        with self._changed:
            self._port = port
            self._changed.notify_all()

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """The answer, from whichever service gives one: a call whose connection breaks is made again."""
        status, answer = self._call(method, path, body)
        return status, json.loads(answer)

    def metric(self, name: str) -> float:
        """The value that /metrics tells under `name`, which has no labels."""
        _, text = self._call("GET", "/metrics", None)
        [value] = [line.split()[1] for line in text.decode().splitlines() if line.startswith(f"{name} ")]
        return float(value)

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, bytes]:
        while True:
            port = self._wait_for_port()
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=BOUND)
            try:
                data = None if body is None else json.dumps(body).encode()
                connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})
                with connection.getresponse() as response:
                    return response.status, response.read()
            except (OSError, http.client.HTTPException):
                with self._changed:  # it was killed, or is about to be said to be
                    if self._port == port:
                        self._changed.wait(1.0)
            finally:
                connection.close()

    def _wait_for_port(self) -> int:
        with self._changed:
            assert self._changed.wait_for(lambda: self._port, BOUND), "the service has not come back"
            return self._port
