"""The kernel's word on who owns the other end, over real sockets."""

from __future__ import annotations

import errno
import os
import socket
import struct

import pytest

from openclaw.intake import peer
from openclaw.intake.access import Caller
from openclaw.intake.peer import Address, PeerUnknown, uid_of
from tests.support.stranger import AS_ROOT

V4, V6 = socket.AF_INET, socket.AF_INET6


@pytest.mark.parametrize(
    ("listening", "family", "dialled", "seen"),
    [
        ("127.0.0.1", V4, "127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", V6, "::ffff:127.0.0.1", "127.0.0.1"),  # as Java dials it
        ("::", V4, "127.0.0.1", "127.0.0.1"),
        ("::", V6, "::ffff:127.0.0.1", "127.0.0.1"),
        ("::", V6, "::1", "::1"),
    ],
)
@pytest.mark.parametrize("uid", [None, pytest.param(65534, marks=AS_ROOT)])
def test_a_caller_on_this_machine_is_known_by_its_uid(
    listening: str, family: socket.AddressFamily, dialled: str, seen: str, uid: int | None
) -> None:
    server_family = V6 if ":" in listening else V4
    with (
        socket.create_server((listening, 0), family=server_family, dualstack_ipv6=server_family == V6) as listener,
        socket.socket(family) as client,
    ):
        if uid is not None:
            os.fchown(client.fileno(), uid, -1)
        client.connect((dialled, listener.getsockname()[1]))
        accepted, _ = listener.accept()
        with accepted:
            caller = Caller.of(accepted)
            assert (caller.peer.host, caller.local.host) == (seen, seen)
            assert caller.identity == (os.geteuid() if uid is None else uid)


def test_an_end_that_nobody_has_is_unknown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(PeerUnknown):
            uid_of(Address("127.0.0.1", port - 1), Address("127.0.0.1", port))


def test_whoever_listens_on_the_callers_port_is_not_the_caller() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(PeerUnknown, match="the caller has gone"),
    ):
        uid_of(Address(*other.getsockname()), Address(*listener.getsockname()))


@pytest.mark.parametrize("both", [False, True], ids=["FIN_WAIT", "TIME_WAIT"])
def test_one_who_has_hung_up_is_unknown_and_not_root(both: bool) -> None:
    """For the kernel an end that was closed belongs to uid 0, whoever it was."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
        with accepted:
            caller = Caller.of(accepted)
            client.close()
            if both:
                assert accepted.recv(1) == b""
                accepted.shutdown(socket.SHUT_WR)
            assert caller.identity == "an unknown process (the caller has gone)"


def test_one_who_has_said_all_is_still_known() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as client,
    ):
        client.shutdown(socket.SHUT_WR)
        accepted, _ = listener.accept()
        with accepted:
            assert Caller.of(accepted).identity == os.geteuid()


PEER, LOCAL = Address("127.0.0.1", 4000), Address("127.0.0.1", 8765)
ENDS = struct.pack("!HH4s12x4s12x", 4000, 8765, socket.inet_aton("127.0.0.1"), socket.inet_aton("127.0.0.1"))


def answer(*, kind: int = 20, ends: bytes = ENDS, inode: int = 77, uid: int = 1000) -> bytes:
    """What the kernel says (linux/inet_diag.h): a netlink header, inet_diag_msg."""
    body = bytes(4) + ends + bytes(12) + struct.pack("=IIIII", 0, 0, 0, uid, inode)
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 1, 0) + body


def refusal(code: int) -> bytes:
    return struct.pack("=IHHIIi", 20, 2, 0, 1, 0, -code)


def test_a_whole_answer_to_the_question_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer, "_ask", lambda question: answer())
    assert uid_of(PEER, LOCAL) == 1000


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (answer(inode=0, uid=0), "the caller has gone"),
        (answer(ends=ENDS[2:4] + ENDS[:2] + ENDS[4:]), "the caller has gone"),
        (answer(ends=ENDS[:4] + bytes(32)), "the caller has gone"),
        (answer(kind=3), "no usable answer"),
        (answer()[:-1], "no usable answer"),
        (answer()[:16], "no usable answer"),
        (refusal(0), "the caller has gone"),
        (refusal(errno.ENOENT), "the caller has gone"),
        (refusal(errno.EPERM), "SOCK_DIAG refuses to answer: Operation not permitted"),
    ],
)
def test_anything_else_does_not(monkeypatch: pytest.MonkeyPatch, said: bytes, why: str) -> None:
    monkeypatch.setattr(peer, "_ask", lambda question: said)
    with pytest.raises(PeerUnknown, match=why):
        uid_of(PEER, LOCAL)


def test_where_the_kernel_cannot_be_asked_nobody_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer, "_NETLINK_SOCK_DIAG", 31)
    with pytest.raises(PeerUnknown, match="SOCK_DIAG does not answer"):
        uid_of(PEER, LOCAL)


@pytest.mark.parametrize(
    ("name", "address", "is_loopback"),
    [
        (("127.0.0.1", 80), Address("127.0.0.1", 80), True),
        (("127.8.9.10", 80), Address("127.8.9.10", 80), True),
        (("192.0.2.1", 80), Address("192.0.2.1", 80), False),
        (("0.0.0.0", 80), Address("0.0.0.0", 80), False),
        (("::1", 80, 0, 0), Address("::1", 80), True),
        (("::ffff:127.0.0.1", 80, 0, 0), Address("127.0.0.1", 80), True),
        (("::ffff:192.0.2.1", 80, 0, 0), Address("192.0.2.1", 80), False),
        (("2001:db8::1", 80, 0, 0), Address("2001:db8::1", 80), False),
        (("fe80::1%eth0", 80, 0, 2), Address("fe80::1%eth0", 80), False),
    ],
)
def test_an_address_tells_whether_it_is_on_this_machine(
    name: tuple[object, ...], address: Address, is_loopback: bool
) -> None:
    assert Address.of(name) == address
    assert address.is_loopback is is_loopback
