"""Who owns the other end of a loopback connection: the kernel is asked, by SOCK_DIAG over netlink.

Stateless; called on connection threads, once for each connection (40 µs, netlink socket included, however many
sockets exist, where reading /proc/net/tcp takes milliseconds). Never trusts anything that the caller sent.

The question is an exact one, for the socket whose local and remote address are the caller's and ours (sock_diag(7),
linux/inet_diag.h). The kernel may answer it with another socket: a listener on the same port where the connection is
gone, or one in TIME_WAIT, of uid 0 and inode 0 whoever it was. So the answer is held against the question.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import struct
from typing import NamedTuple

from openclaw.errors import OpenClawError

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLMSG_ERROR = 2
_NLM_F_REQUEST = 1
_ALL_STATES = 0xFFFFFFFF
_NO_COOKIE = b"\xff" * 8
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

    @property
    def is_loopback(self) -> bool:
        return ipaddress.ip_address(self.host).is_loopback


def uid_of(peer: Address, local: Address) -> int:
    """The uid that owns `peer`, the far end of a connection to `local` on this machine. Raises PeerUnknown."""
    family = socket.AF_INET6 if ":" in peer.host else socket.AF_INET
    wanted = _SOCKET_ID.pack(peer.port, local.port, _packed(family, peer.host), _packed(family, local.host))
    body = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, _ALL_STATES) + wanted + b"\0" * 4 + _NO_COOKIE
    header = _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0)
    return _owner(_ask(header + body), wanted)


def _packed(family: int, host: str) -> bytes:
    return socket.inet_pton(family, host).ljust(16, b"\0")


def _ask(question: bytes) -> bytes:
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG) as netlink:
            netlink.settimeout(_TIMEOUT_S)
            netlink.sendto(question, (0, 0))
            return netlink.recv(4096)
    except OSError as error:
        raise PeerUnknown(f"SOCK_DIAG does not answer: {error}") from None


def _owner(answer: bytes, wanted: bytes) -> int:
    kind = _HEADER.unpack_from(answer)[1]
    if kind == _NLMSG_ERROR:
        code = -struct.unpack_from("=i", answer, _HEADER.size)[0]
        gone = code in (0, errno.ENOENT)
        raise PeerUnknown("the caller has gone" if gone else f"SOCK_DIAG refuses to answer: {os.strerror(code)}")
    if kind != _SOCK_DIAG_BY_FAMILY or len(answer) < _OWNER_AT + _OWNER.size:
        raise PeerUnknown("SOCK_DIAG gave no usable answer")
    uid, inode = _OWNER.unpack_from(answer, _OWNER_AT)
    if inode == 0 or answer[_SOCKET_ID_AT : _SOCKET_ID_AT + _SOCKET_ID.size] != wanted:
        raise PeerUnknown("the caller has gone")
    return int(uid)
