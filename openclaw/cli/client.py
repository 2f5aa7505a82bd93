"""Calls the service over HTTP, for the other subcommands.

One Client belongs to one thread. It takes no proxy, no netrc and no redirect, so that a message and the token go to
the configured address or nowhere. Every call has a time limit.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import requests
from requests.adapters import MaxRetryError

from openclaw.cli.event_stream import Event, parse
from openclaw.cli.terminal import printable
from openclaw.config import Config
from openclaw.errors import ConfigError, InvalidMessage, OpenClawError
from openclaw.message import dump_bytes, load_object

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 30.0
MAX_ANSWER = 16 * 1024 * 1024


class ServiceDown(OpenClawError):
    """Nothing answers at the configured address; what was to be sent was not taken."""


class CallLost(ServiceDown):
    """What answered went away or is silent; whether it has done what it was asked is not known."""


class CallRefused(OpenClawError):
    """The service answered with an error; the text is its own. `status` is that of HTTP, 0 where there was none."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


class Client:
    """A connection to the service, kept open between calls. Use it as a context manager."""

    def __init__(self, base_url: str, token: str = "") -> None:
        self._base_url = base_url
        self._session = requests.Session()
        self._session.trust_env = False
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    @classmethod
    def of(cls, config: Config) -> Client:
        """A client of the service that this configuration runs. Raises ConfigError where its port is not known."""
        return cls(base_url(config), config.openclaw_token)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def get(self, path: str, *, wait_s: float = 0.0) -> dict[str, Any]:
        """The JSON object at `path`. Raises ServiceDown, CallLost or CallRefused."""
        return self._call("GET", path, wait_s=wait_s)

    def post(self, path: str, value: dict[str, Any], *, wait_s: float = 0.0) -> dict[str, Any]:
        """What the service answers to `value`. Raises ServiceDown, CallLost or CallRefused."""
        return self._call("POST", path, wait_s=wait_s, body=dump_bytes(value))

    def put(self, path: str, value: dict[str, Any]) -> dict[str, Any]:
        """What the service answers to `value` in the place of `path`. Raises ServiceDown or CallRefused."""
        return self._call("PUT", path, wait_s=0.0, body=dump_bytes(value))

    def patch(self, path: str, value: dict[str, Any]) -> dict[str, Any]:
        """What the service answers to `value`, which changes what is at `path`. Raises ServiceDown or CallRefused."""
        return self._call("PATCH", path, wait_s=0.0, body=dump_bytes(value))

    def delete(self, path: str) -> dict[str, Any]:
        """What the service answers to the end of `path`. Raises ServiceDown or CallRefused."""
        return self._call("DELETE", path, wait_s=0.0)

    def events(self, message_id: str, after: str = "") -> Generator[Event, None, None]:
        """What happens to a message, from the event after the one with the id `after`, as it happens.

        Ends where the service ends it: after `done`, and before it where the service stops. Raises as `get`.
        """
        headers = {"Last-Event-ID": after} if after else {}
        with self._asked("GET", f"/messages/{message_id}/events", headers=headers) as response:
            if response.status_code == 200:
                yield from parse(response.iter_content(None))
            elif response.status_code != 204:
                self._object(response.status_code, _read(response))

    def _call(self, method: str, path: str, *, wait_s: float, body: bytes | None = None) -> dict[str, Any]:
        params = {"wait": f"{wait_s:.3f}"} if wait_s else None
        headers = {"Content-Type": "application/json"} if body is not None else {}
        with self._asked(method, path, wait_s=wait_s, params=params, data=body, headers=headers) as response:
            return self._object(response.status_code, _read(response))

    @contextmanager
    def _asked(self, method: str, path: str, *, wait_s: float = 0.0, **given: Any) -> Iterator[requests.Response]:
        """The response while it is read. Raises ServiceDown or CallLost, also for what goes wrong meanwhile."""
        timeout = (CONNECT_TIMEOUT_S, wait_s + ANSWER_TIMEOUT_S)
        try:
            with self._session.request(
                method, self._base_url + path, timeout=timeout, allow_redirects=False, stream=True, **given
            ) as response:
                yield response
        except requests.ReadTimeout:
            raise CallLost(f"the service at {self._base_url} does not answer in time; see logs/app.log") from None
        except requests.RequestException as error:
            if _never_arrived(error):
                raise ServiceDown(f"no service answers at {self._base_url}; start it with: openclaw serve") from None
            raise CallLost(f"the service at {self._base_url} went away before it answered") from None

    def _object(self, status: int, body: bytes) -> dict[str, Any]:
        try:
            value = load_object(body)
        except InvalidMessage:
            raise CallRefused(f"what answers at {self._base_url} is not openclaw; see OPENCLAW_PORT") from None
        if status >= 300:
            text = f"{value.get('title', status)}: {value.get('detail', 'no reason given')}"
            raise CallRefused(printable(text), status)
        return value


def _never_arrived(error: requests.RequestException) -> bool:
    """Whether there was no connection at all: making one is all that `requests` counts tries of."""
    return bool(error.args) and isinstance(error.args[0], MaxRetryError)


def _read(response: requests.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_content(65536):
        body += chunk
        if len(body) > MAX_ANSWER:
            raise CallRefused(f"the answer is larger than {MAX_ANSWER} bytes")
    return bytes(body)


def base_url(config: Config) -> str:
    """Where the service of `config` is reached from this machine. Raises ConfigError for a port of 0."""
    if config.openclaw_port == 0:
        raise ConfigError("OPENCLAW_PORT=0 took a free port: set OPENCLAW_PORT to the one that serve has printed")
    address = ipaddress.ip_address(config.openclaw_host)
    if address.is_unspecified:
        address = ipaddress.ip_address("::1" if address.version == 6 else "127.0.0.1")
    host = f"[{address}]" if address.version == 6 else str(address)
    return f"http://{host}:{config.openclaw_port}"
