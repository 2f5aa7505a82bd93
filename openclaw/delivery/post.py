"""One POST to an address that somebody gave us: bounded in time and in what is read, whatever answers there.

Keeps no state. A call blocks its thread for at most TOTAL_TIMEOUT (and the resolver's own limit, which cannot be cut).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests

from openclaw.errors import CallbackFailed
from openclaw.http.cut import Cut, cause
from openclaw.http.session import BareSession

if TYPE_CHECKING:
    from openclaw.clock import Alarms

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 10.0
TOTAL_TIMEOUT = 20.0
"""Seconds for one POST in all: the read timeout alone would let a server drip its answer for days."""


class Post:
    """One POST. `send` blocks; `abort` may be called by another thread and ends it."""

    def __init__(self, alarms: Alarms, authorities: str = "") -> None:
        """`authorities`: a file of those who vouch for https addresses; empty: those of requests."""
        self._alarms = alarms
        self._authorities = authorities
        self._cut = Cut()

    def send(self, url: str, body: bytes, headers: dict[str, str]) -> None:
        """Send `body` as JSON. Raises CallbackFailed for anything but a 2xx; redirects are not followed."""
        timer = self._alarms.call_later(TOTAL_TIMEOUT, self.abort)
        try:
            with self._cut.over(), BareSession(authorities=self._authorities) as session:
                response = session.post(
                    url,
                    data=body,
                    headers={"Content-Type": "application/json", **headers},
                    timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                    allow_redirects=False,
                    stream=True,  # the answer's body is never read
                )
        except (requests.RequestException, OSError, ValueError) as error:
            raise CallbackFailed("no answer in time" if self._cut.done else f"no answer: {cause(error)}") from error
        finally:
            timer.cancel()
        if self._cut.done:  # a status line whose headers were cut off reads like an answer
            raise CallbackFailed("no answer in time")
        if not 200 <= response.status_code < 300:
            followed = ", and redirects are not followed" if response.is_redirect else ""
            raise CallbackFailed(f"it answered {response.status_code}{followed}")

    def abort(self) -> None:
        """Cut the connection, or the one that is about to be made."""
        self._cut.now()
