"""Who owns the other end of a loopback connection: the kernel is asked, by SOCK_DIAG over netlink.

Stateless; called on the accept thread, once for each connection (40 µs, netlink socket included, however many
sockets exist, where reading /proc/net/tcp takes milliseconds). Never trusts anything that the caller sent.

The question is an exact one, for the socket whose local and remote address are the caller's and ours (sock_diag(7),
linux/inet_diag.h). The kernel may answer it with another socket: a listener on the same port where the connection is
gone, or one in TIME_WAIT, of uid 0 and inode 0 whoever it was. So the answer is held against the question.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import Any, NamedTuple

from openclaw.errors import OpenClawError

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLMSG_ERROR = 2
_NLM_F_REQUEST = 1
_ALL_STATES = 0xFFFFFFFF
_NO_COOKIE = b"\xff" * 8
_MAPPED = b"\0" * 10 + b"\xff" * 2
_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port id
_REQUEST = struct.Struct("=BBBxI")  # inet_diag_req_v2 up to its inet_diag_sockid: family, protocol, extensions, states
_SOCKET_ID = struct.Struct("!HH16s16s")  # inet_diag_sockid: source and destination port, source and destination address
_OWNER = struct.Struct("=12xII")  # the end of inet_diag_msg: expires, rqueue, wqueue, then uid, inode
_SOCKET_ID_AT = _HEADER.size + 4  # behind inet_diag_msg's family, state, timer, retrans
_OWNER_AT = _SOCKET_ID_AT + 48
_TIMEOUT_S = 1.0


class PeerUnknown(OpenClawError):
    """The kernel does not say who owns the other end: it is gone, or SOCK_DIAG is not to be had here."""


class Address(NamedTuple):
    """One end of a TCP connection; `host` is a numeric address."""

    host: str
    port: int

    @classmethod
    def of(cls, name: tuple[Any, ...]) -> Address:
        """An end as `getpeername` and `getsockname` name it. A listener on :: calls 127.0.0.1 ::ffff:127.0.0.1."""
        host, port = name[:2]
        return cls(host.removeprefix("::ffff:") if "." in host else host, port)

    @property
    def is_loopback(self) -> bool:
        """The kernel spells each address in one way only (inet_ntop(3))."""
        return self.host == "::1" or ("." in self.host and self.host.startswith("127."))


def uid_of(peer: Address, local: Address) -> int:
    """The uid that owns `peer`, the far end of a connection to `local` on this machine. Raises PeerUnknown."""
    family = socket.AF_INET6 if ":" in peer.host else socket.AF_INET
    ends = socket.inet_pton(family, peer.host), socket.inet_pton(family, local.host)
    wanted = _SOCKET_ID.pack(peer.port, local.port, *ends)
    body = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, _ALL_STATES) + wanted + b"\0" * 4 + _NO_COOKIE
    header = _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0)
    spellings = {wanted}
    if family == socket.AF_INET:  # an IPv6 socket may speak IPv4, as Java's do, and is told with mapped addresses
        spellings.add(_SOCKET_ID.pack(peer.port, local.port, *(_MAPPED + end for end in ends)))
    return _owner(_ask(header + body), spellings)


def _ask(question: bytes) -> bytes:
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG) as netlink:
            netlink.settimeout(_TIMEOUT_S)
            netlink.sendto(question, (0, 0))
            return netlink.recv(4096)
    except OSError as error:
        raise PeerUnknown(f"SOCK_DIAG does not answer: {error}") from None


def _owner(answer: bytes, wanted: set[bytes]) -> int:
    kind = _HEADER.unpack_from(answer)[1]
    if kind == _NLMSG_ERROR:
        code = -struct.unpack_from("=i", answer, _HEADER.size)[0]
        gone = code in (0, errno.ENOENT)
        raise PeerUnknown("the caller has gone" if gone else f"SOCK_DIAG refuses to answer: {os.strerror(code)}")
    if kind != _SOCK_DIAG_BY_FAMILY or len(answer) < _OWNER_AT + _OWNER.size:
        raise PeerUnknown("SOCK_DIAG gave no usable answer")
    uid, inode = _OWNER.unpack_from(answer, _OWNER_AT)
    if inode == 0 or answer[_SOCKET_ID_AT : _SOCKET_ID_AT + _SOCKET_ID.size] not in wanted:
        raise PeerUnknown("the caller has gone")
    return int(uid)
