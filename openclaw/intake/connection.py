"""One connection: its requests read in order, checked, handed to the application, and answered.

Each Connection runs on a thread of its own and owns its socket's reading and writing; it shares the registry and the
hang-up watch with the others. It never reads a body whose sender was not let in, and never reads on after a request
whose end is in doubt.

A request has `Limits.request_s` from its first byte to the last of its body; then it is answered 408 and cut.
"""

from __future__ import annotations

import io
import logging
import socket
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from typing import Protocol

from openclaw.clock import Clock
from openclaw.http.framing import BadRequest, RequestHead, body_length, read_body, read_head
from openclaw.http.timed_socket import TimedSocket
from openclaw.intake.access import Access, Caller
from openclaw.intake.exchange import (
    Handler,
    Request,
    Response,
    StreamedResponse,
    render,
    render_chunk,
    render_stream_head,
)
from openclaw.intake.hangups import Hangup, Hangups
from openclaw.intake.problems import Problem
from openclaw.intake.registry import ConnectionRegistry

log = logging.getLogger(__name__)

MAX_BODY = 256 * 1024
"""Largest body of a request in bytes."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: for a whole request, between two requests, to take a response, to hear an early refusal."""

    request_s: float = 10.0
    idle_s: float = 30.0
    write_s: float = 10.0
    linger_s: float = 2.0


class Application(Protocol):
    """What answers requests; called on many connection threads at once."""

    def route(self, method: str, path: str) -> Handler:
        """What handles a request. Raises Problem (404, 405); nothing of the body has been read yet."""
        ...


@dataclass(frozen=True, slots=True)
class Site:
    """What all connections of one server share."""

    application: Application
    access: Access
    registry: ConnectionRegistry
    hangups: Hangups
    clock: Clock
    limits: Limits


class Connection:
    """Serves one accepted socket until it ends; closing the socket is left to the server."""

    def __init__(self, sock: socket.socket, caller: Caller, site: Site) -> None:
        self._sock = sock
        self._caller = caller
        self._site = site
        self._timed = TimedSocket(sock, site.clock)
        self._stream = io.BufferedReader(self._timed)

    def serve(self) -> None:
        """Answer requests until the peer leaves, errs, stays silent, or the server closes."""
        try:
            # Nagle's algorithm would hold a response back until the peer's delayed ACK: 40 ms.
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while self._next_has_begun() and self._serve_one():
                pass
        except (OSError, EOFError) as gone:
            log.debug("a connection ended early: %s", gone)

    def _next_has_begun(self) -> bool:
        self._timed.allow(self._site.limits.idle_s)
        try:
            begun = bool(self._stream.peek(1))
        except TimeoutError:
            return False
        return begun and self._site.registry.begin_request(self._sock)

    def _serve_one(self) -> bool:
        """Read and answer one request; whether another may follow."""
        self._timed.allow(self._site.limits.request_s)
        try:
            may_follow = self._exchange()
        finally:
            goes_on = self._site.registry.end_request(self._sock)
        return may_follow and goes_on

    def _exchange(self) -> bool:
        head: RequestHead | None = None
        try:
            head = read_head(self._stream)
            request, handler = self._admit(head)
        except (Problem, BadRequest, TimeoutError) as error:
            return self._refuse(_problem(error), head)
        response = _call(handler, request)
        log.debug("%s %s: %d", head.method, head.path, response.status)
        if isinstance(response, StreamedResponse):
            return self._send_stream(response, head)
        self._send(response, head, close=not head.keep_alive)
        return head.keep_alive

    def _send_stream(self, response: StreamedResponse, head: RequestHead) -> bool:
        """Send what comes, as it comes; a reader that does not read is dropped after write_s."""
        now, write_s = self._site.clock.time(), self._site.limits.write_s
        head_only = head.method == "HEAD"
        with closing(response.chunks) as chunks:
            self._timed.send_all(
                render_stream_head(response, now=now, chunked=head.modern, close=not head.keep_alive), write_s
            )
            for chunk in () if head_only else chunks:
                self._timed.send_all(render_chunk(chunk) if head.modern else chunk, write_s)
        if head.modern and not head_only:
            self._timed.send_all(render_chunk(b""), write_s)
        return head.keep_alive

    def _admit(self, head: RequestHead) -> tuple[Request, Handler]:
        """The whole request; its body is read only once its sender and its aim are known to be good."""
        if self._site.access.check(head, self._caller):
            self._site.registry.trust(self._sock)
        handler = self._site.application.route(head.method, head.path)
        length = body_length(head, MAX_BODY)
        if length and head.expects_continue:
            self._timed.send_all(_CONTINUE, self._site.limits.write_s)
        body = read_body(self._stream, length)
        last_event, tags = head.field("last-event-id") or "", head.field("if-none-match") or ""
        return Request(head.method, head.path, head.query, body, self._watch_hangup, last_event, tags), handler

    def _watch_hangup(self, *, endless: bool = False) -> AbstractContextManager[Hangup]:
        return self._site.hangups.watch(self._sock, endless=endless)

    def _refuse(self, problem: Problem, head: RequestHead | None) -> bool:
        """Answer a request that was not read to its end, and end the connection: where the next begins is in doubt."""
        if head is not None:
            log.debug("%s %s: refused, %d", head.method, head.path, problem.status)
        self._send(problem.response(), head, close=True)
        self._timed.linger(self._site.limits.linger_s)
        return False

    def _send(self, response: Response, head: RequestHead | None, *, close: bool) -> None:
        head_only = head is not None and head.method == "HEAD"
        data = render(response, now=self._site.clock.time(), close=close, head_only=head_only)
        self._timed.send_all(data, self._site.limits.write_s)


def _problem(error: Problem | BadRequest | TimeoutError) -> Problem:
    if isinstance(error, TimeoutError):
        return Problem(408, "The request took too long; send it in one go.")
    return error if isinstance(error, Problem) else Problem.of(error)


def _call(handler: Handler, request: Request) -> Response | StreamedResponse:
    try:
        return handler(request)
    except Problem as problem:
        return problem.response()
    except Exception:  # the top of what a request may run: a fault of ours ends this request, not the connection
        log.exception("%s %s failed", request.method, request.path)
        return Problem(500, "The service failed on this request; logs/app.log says why.").response()
