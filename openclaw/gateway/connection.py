"""One connection of a container: its requests are checked, passed on, and answered with what comes, as it comes.

Each runs on a thread of its own, which blocks on the container or on the API; nothing is held back but what of an error
has to be looked through. `cut` is called by any other thread, when the container hangs up or is gone, and ends both
sides at once.

An answer that breaks off ends without its last chunk: the container's client notices, and its runner, which knows what
was shown, decides whether to ask again.
"""

from __future__ import annotations

import contextlib
import io
import logging
import socket
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Final

from openclaw.gateway.api_error import OWN_FIELD, ApiError, Headers, render, render_head
from openclaw.gateway.request_body import RequestBody
from openclaw.gateway.scanner import scanner_for
from openclaw.gateway.upstream import Broken
from openclaw.http.cut import Cut
from openclaw.http.framing import BadRequest, RequestHead, body_length, read_head
from openclaw.http.timed_socket import TimedSocket

if TYPE_CHECKING:
    from openclaw.gateway.door import Door
    from openclaw.gateway.site import Site
    from openclaw.gateway.upstream import Answer
    from openclaw.gateway.usage import Usage

log = logging.getLogger(__name__)

PATHS: Final = ("/v1/messages", "/v1/messages/count_tokens")
QUERIES: Final = ("", "beta=true")
MAX_BODY: Final = 32 * 1024 * 1024
"""Bytes of a request; the API takes no more: https://platform.claude.com/docs/en/api/errors"""
MAX_ANSWER: Final = 64 * 1024 * 1024
"""Bytes of an answer; 128,000 tokens, the most that today's models give, are streamed in some 20 MB."""
TURN_FIELD: Final = "x-openclaw-turn"
"""The header field by which a runner says for which turn it asks. It never goes further than this."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"
_BUSY = (429, 529)


class Connection:
    """Serves one accepted socket until it ends; closing the socket is left to the gateway."""

    def __init__(self, sock: socket.socket, door: Door, site: Site) -> None:
        self.sock: Final = sock
        self.door: Final = door
        self._site = site
        self._timed = TimedSocket(sock, site.clock)
        self._stream = io.BufferedReader(self._timed)
        self._cut = Cut()

    def cut(self) -> None:
        """End it from outside: the call to the API first, so that nobody pays for what nobody hears."""
        self._cut.now()
        with contextlib.suppress(OSError):  # its own thread may have closed it by now
            self.sock.shutdown(socket.SHUT_RDWR)

    def serve(self) -> None:
        """Answer requests until the container leaves, errs or stays silent, or the connection is cut."""
        try:
            while self._next_has_begun() and self._exchange():
                pass
        except (OSError, EOFError) as gone:
            log.debug("a connection of the container %s ended early: %s", self.door.cid, gone)

    def _next_has_begun(self) -> bool:
        self._timed.allow(self._site.limits.idle_s)
        try:
            return bool(self._stream.peek(1))
        except TimeoutError:
            return False

    def _exchange(self) -> bool:
        """Serve one request; whether another may follow."""
        self._timed.allow(self._site.limits.head_s)
        try:
            head = read_head(self._stream)
            target, length = _check(head)
        except TimeoutError:
            return self._refuse(ApiError(408, "The request took too long; send it in one go."))
        except BadRequest as error:
            return self._refuse(ApiError(error.status, str(error)))
        if length and head.expects_continue:
            self._send(_CONTINUE)
        body = RequestBody(self._stream, self._timed, length, self._site.limits.body_s)
        with self._cut.over():
            try:
                answer = self._site.upstream.post(target, head.fields, body)
            except ApiError as error:
                return self._fail(error, keep=head.keep_alive and not body.left)
            with closing(answer):
                self._site.books.answered(self.door.group, answer.status)
                keep = head.keep_alive and not body.left
                if answer.status >= 300:
                    return self._pass_error(answer, keep)
                return self._pass_on(answer, self._reporter(head), keep)

    def _reporter(self, head: RequestHead) -> Callable[[Usage], None]:
        """Notes what is used: for the group always, for a turn where it runs in this very container."""
        turn_id, tally = head.field(TURN_FIELD), None
        if turn_id is not None and self.door.in_flight(turn_id):
            tally = self._site.books.tally_of(turn_id)

        def report(usage: Usage) -> None:
            self._site.books.used(self.door.group, usage)
            if tally is not None:
                tally.add(usage)

        return report

    def _pass_on(self, answer: Answer, report: Callable[[Usage], None], keep: bool) -> bool:
        """Send each piece when it comes. It is counted before that: who has read an answer may ask what it has cost."""
        self._send(render_head(answer.status, (*answer.headers, ("transfer-encoding", "chunked")), close=not keep))
        scanner = scanner_for(answer.content_type, report)
        left = MAX_ANSWER
        try:
            while piece := answer.read():
                left -= len(piece)
                if left < 0:
                    raise Broken(f"the answer is longer than {MAX_ANSWER} bytes")
                scanner.feed(piece)
                self._send(b"%x\r\n%b\r\n" % (len(piece), piece))
        except Broken as error:
            self._log(error)
            return False
        scanner.end()
        self._send(_LAST_CHUNK)
        return keep

    def _pass_error(self, answer: Answer, keep: bool) -> bool:
        body, headers = answer.read_error()
        level = logging.INFO if answer.status in _BUSY else logging.WARNING
        log.log(level, "Model call of the group %s: %s", self.door.group, self._site.upstream.complaint(answer.status))
        return self._answer(answer.status, body, headers, keep)

    def _fail(self, error: ApiError, keep: bool) -> bool:
        """There is no answer to be had; or nobody who waits for one, which is no failure of the API's."""
        if self._cut.done:
            return False
        self._log(error)
        self._site.books.answered(self.door.group, error.status)
        return self._answer(error.status, error.body, (*error.headers, (OWN_FIELD, "1")), keep)

    def _answer(self, status: int, body: bytes, headers: Headers, keep: bool) -> bool:
        self._send(render(status, body, headers, close=not keep))
        if not keep:  # of the request there may be more to come
            self._timed.linger(self._site.limits.linger_s)
        return keep

    def _refuse(self, error: ApiError) -> bool:
        """Answer a request that goes nowhere, and end the connection: where the next one begins is in doubt."""
        log.debug("a request of the container %s is refused: %s", self.door.cid, error)
        return self._answer(error.status, error.body, error.headers, keep=False)

    def _send(self, data: bytes) -> None:
        self._timed.send_all(data, self._site.limits.write_s)

    def _log(self, error: Exception) -> None:
        if not self._cut.done:  # else it is the container that has gone
            log.warning("Model call of the group %s: %s", self.door.group, error)


def _check(head: RequestHead) -> tuple[str, int]:
    """Where a request goes, and the length of its body. Raises BadRequest for all that the gateway is not for."""
    if not head.modern:
        raise BadRequest(505, "HTTP/1.0 is not spoken here; use HTTP/1.1.")
    if head.path not in PATHS or head.query not in QUERIES:
        raise BadRequest(404, f"The gateway serves {' and '.join(PATHS)}, and no other path or query.")
    if head.method != "POST":
        raise BadRequest(405, f"The gateway takes POST only, not {head.method[:20]}.")
    target = f"{head.path}?{head.query}" if head.query else head.path
    return target, body_length(head, MAX_BODY)
