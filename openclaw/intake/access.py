"""Who may call, decided from a request's head alone, before any of its body is read.

Stateless but for a Caller, which remembers what the kernel said of it; the accept thread makes it and hands it on to
the thread of its connection. Where no token is set, a caller who can only be refused is not let in to ask.

Three questions, in this order. Is the request meant for us: the Host must be a name of ours, or a page elsewhere could
have its own name resolve to this machine (DNS rebinding). Does it come from a page that is not ours: browsers say so
by Origin, Referer or Sec-Fetch-Site. Who sends it: on loopback a process of the service's own user or of root, and
otherwise whoever bears OPENCLAW_TOKEN.
"""

from __future__ import annotations

import hmac
import os
import re
import socket
from collections.abc import Callable
from functools import cached_property
from urllib.parse import urlsplit

from openclaw.http.framing import RequestHead
from openclaw.intake.peer import Address, PeerUnknown, uid_of
from openclaw.intake.problems import Problem

PAGE = "/"
"""Where the page is."""

_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::([0-9]{1,5}))?", re.ASCII)


class Caller:
    """The far end of one connection. The kernel is asked for its uid once, when that is first needed."""

    def __init__(self, peer: Address, local: Address, ask: Callable[[Address, Address], int] = uid_of) -> None:
        self.peer = peer
        self.local = local
        self._ask = ask

    @classmethod
    def of(cls, sock: socket.socket) -> Caller:
        """The caller on a connected socket. Raises OSError where it has gone already."""
        return cls(Address.of(sock.getpeername()), Address.of(sock.getsockname()))

    @cached_property
    def identity(self) -> int | str:
        """The uid of a caller on loopback, else in words what is known of it."""
        if not (self.peer.is_loopback and self.local.is_loopback):
            return f"the address {self.peer.host}"
        try:
            return self._ask(self.peer, self.local)
        except PeerUnknown as unknown:
            return f"an unknown process ({unknown})"


class Access:
    """The rules. `allowed_hosts` are further names of ours; `token` is empty where none is set."""

    def __init__(self, allowed_hosts: tuple[str, ...], token: str, uid: int | None = None) -> None:
        self._names = frozenset((*_LOOPBACK_NAMES, *allowed_hosts))
        self._token = token.encode()
        self._uids = frozenset((0, os.geteuid() if uid is None else uid))

    def knows(self, caller: Caller) -> bool:
        """Whether `caller` is let in for who it is, without a token."""
        return caller.identity in self._uids

    def check_connection(self, caller: Caller) -> None:
        """Raise Problem (403) where nothing that `caller` may send could be let in."""
        if self._token or self.knows(caller):
            return
        whom = f"uid {caller.identity}" if isinstance(caller.identity, int) else caller.identity
        raise Problem(
            403,
            f"Only the user who runs this service, and root, may call it; this call comes from {whom}."
            " Call as that user, or set OPENCLAW_TOKEN for the service and send it as a bearer token.",
        )

    def check(self, head: RequestHead, caller: Caller) -> bool:
        """Raise Problem (421, 403 or 401) unless `caller` may send this request; whether it has shown who it is.

        Where a token is set anybody may have the page, which asks for it: a browser cannot send one along with the
        address. The page itself tells nothing of this service.
        """
        self._check_host(head, caller.local)
        _check_page(head)
        if self._token and head.path == PAGE and head.method in ("GET", "HEAD"):
            return self.knows(caller) or self._bears_token(head)
        self._check_caller(head, caller)
        return True

    def _check_host(self, head: RequestHead, local: Address) -> None:
        """HTTP/1.0 may leave the Host out: no browser speaks it, so nothing can be rebound."""
        host = head.field("host")
        if host is None:
            return
        match = _AUTHORITY.fullmatch(host.lower())
        # An address in numbers cannot be rebound, so the one that was dialled is ours whatever the settings say.
        if match is None or (match[1] not in self._names and match[1] != _bracketed(local.host)):
            raise Problem(421, "This service goes by other names than that Host; OPENCLAW_ALLOWED_HOSTS adds some.")
        if match[2] is not None and int(match[2]) != local.port:
            raise Problem(421, f"This service listens on port {local.port}; the Host field names another.")

    def _check_caller(self, head: RequestHead, caller: Caller) -> None:
        if self.knows(caller) or self._bears_token(head):
            return
        self.check_connection(caller)
        raise Problem(
            401,
            "Send the token of this service (OPENCLAW_TOKEN) as: Authorization: Bearer TOKEN",
            headers=(("WWW-Authenticate", 'Bearer realm="openclaw"'),),
        )

    def _bears_token(self, head: RequestHead) -> bool:
        scheme, _, token = (head.field("authorization") or "").partition(" ")
        given = token.strip().encode("latin-1")
        return bool(self._token) and scheme.lower() == "bearer" and hmac.compare_digest(given, self._token)


def _check_page(head: RequestHead) -> None:
    """Refuse what a browser sends for a page that is not ours: ours has the same authority as the request's Host."""
    if head.field("sec-fetch-site") not in (None, "same-origin", "none"):
        raise Problem(403, "A page of another site may not call this service.")
    host = (head.field("host") or "").lower()
    for name in ("origin", "referer"):
        address = head.field(name)
        if address is not None and (not host or _authority(address) != host):
            raise Problem(403, f"A page of another site may not call this service; {name.title()} names one.")


def _authority(address: str) -> str:
    """`host:port` of an http or https address, as a Host field has it; empty where it is none."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    one = " " not in address  # two fields of a name are joined by ", "
    return parts.netloc.lower() if one and parts.scheme in ("http", "https") else ""


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
