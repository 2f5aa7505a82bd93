"""Who is let in, asked over real connections: by which name, from which page, and who sends it."""

from __future__ import annotations

import io
import os
import socket
from collections.abc import Iterator

import pytest

from openclaw.http.framing import read_head
from openclaw.intake import peer
from openclaw.intake.access import Access, Caller
from openclaw.intake.peer import Address
from openclaw.intake.problems import Problem
from openclaw.intake.server import HttpServer
from tests.support.front import FakeFront
from tests.support.http_service import http_service
from tests.support.raw_http import RawClient, RawResponse
from tests.support.stranger import AS_ROOT

NOBODY = 65534
TOKEN = "a secret/of=ours"

UNSENT = b"Content-Length: 14\r\n\r\n"
"""The end of the head of a request whose body never comes: what is answered to it is decided without the body."""


def ask(client: RawClient, *fields: str) -> RawResponse:
    """The answer to a POST with these fields, in which PORT stands for the server's, and without its body."""
    port = str(client.sock.getpeername()[1])
    lines = ["POST /messages HTTP/1.1", *(field.replace("PORT", port) for field in fields), ""]
    client.send("\r\n".join(lines).encode() + UNSENT)
    return client.response()


def is_let_in(client: RawClient, *fields: str) -> bool:
    """Whether such a POST gets as far as its body."""
    return ask(client, *fields, "Expect: 100-continue").status == 100


class TestNames:
    @pytest.mark.parametrize("host", ["localhost", "LocalHost", "127.0.0.1", "[::1]"])
    @pytest.mark.parametrize("port", ["", ":PORT"])
    def test_the_service_goes_by_those_of_loopback(self, client: RawClient, host: str, port: str) -> None:
        assert is_let_in(client, f"Host: {host}{port}")

    @pytest.mark.parametrize("host", ["claw.example", "CLAW.example:PORT", "localhost"])
    def test_it_may_be_given_more(self, front: FakeFront, host: str) -> None:
        with http_service(front, allowed_hosts=("claw.example",)) as server, RawClient(server.port) as client:
            assert is_let_in(client, f"Host: {host}")

    @pytest.mark.parametrize(
        "host",
        [
            *("evil.example", "evil.example:PORT", "localhost.evil.example", "127.0.0.1.evil.example", "xlocalhost"),
            *("localhost.", "0.0.0.0", "127.1", "2130706433", "0x7f000001", "127.0.0.2", "claw.example"),
            *("::1", "[::1", "[::]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:0:0:1]", "[::1]x", "[::1%25lo]"),
            *("", ":PORT", "localhost:", "localhost:http", "localhost:-PORT", "localhost:PORT:PORT", "localhost:1 "),
            *("a@localhost", "localhost@evil.example", "localhost/", "localhost, localhost", "local host", "lócalhost"),
        ],
    )
    def test_whoever_calls_another_name_is_elsewhere(self, client: RawClient, front: FakeFront, host: str) -> None:
        response = ask(client, f"Host: {host}")

        assert (response.status, response.json()["title"]) == (421, "Misdirected Request")
        assert client.at_end()
        assert front.accepted == []

    def test_it_is_told_how_a_name_is_added(self, client: RawClient) -> None:
        assert "OPENCLAW_ALLOWED_HOSTS adds some" in ask(client, "Host: evil.example").json()["detail"]

    def test_it_is_told_the_port(self, client: RawClient) -> None:
        port = client.sock.getpeername()[1]

        assert f"listens on port {port}" in ask(client, "Host: localhost:1").json()["detail"]

    def test_on_all_addresses_the_one_that_was_dialled_is_a_name_of_ours(self, front: FakeFront) -> None:
        with http_service(front, host="::", token="secret") as server:
            for host, name in (("127.0.0.2", "127.0.0.2"), ("::1", "[::1]")):
                with RawClient(server.port, host) as client:  # no token: the kernel knows who owns the other end
                    assert client.request("GET", "/healthz", Host=f"{name}:{server.port}").status == 200


class TestPages:
    @pytest.mark.parametrize(
        "field",
        [
            *("Origin: http://localhost:PORT", "Origin: HTTP://LOCALHOST:PORT", "Origin: https://localhost:PORT"),
            *("Referer: http://localhost:PORT/page?x#y", "Referer: http://localhost:PORT"),
            *("Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: none"),
        ],
    )
    def test_ours_may_call(self, client: RawClient, field: str) -> None:
        assert is_let_in(client, "Host: localhost:PORT", field)

    @pytest.mark.parametrize(
        "field",
        [
            *("Origin: null", "Origin: ", "Origin: *", "Origin: localhost:PORT", "Origin: //localhost:PORT"),
            *("Origin: http://evil.example", "Origin: http://localhost.evil.example:PORT", "Origin: http://evil:PORT"),
            *("Origin: http://localhost", "Origin: http://localhost:1", "Origin: http://127.0.0.1:PORT"),
            *("Origin: http://localhost:PORT@evil.example", "Origin: http://evil.example@localhost:PORT"),
            *("Origin: http://localhost:PORT.evil.example", "Origin: http://localhost:PORT, http://localhost:PORT"),
            *("Origin: file://localhost:PORT", "Origin: chrome-extension://localhost:PORT", "Origin: http://[::1"),
            *("Referer: http://evil.example/localhost:PORT", "Referer: ", "Referer: about:blank"),
            "Referer: http://evil.example/?http://localhost:PORT/",
            *("Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Sec-Fetch-Site: ", "Sec-Fetch-Site: x"),
            "Sec-Fetch-Site: none, none",
        ],
    )
    def test_others_may_not(self, client: RawClient, front: FakeFront, field: str) -> None:
        response = ask(client, "Host: localhost:PORT", field)

        assert response.status == 403
        assert "A page of another site may not call this service" in response.json()["detail"]
        assert client.at_end()
        assert front.accepted == []

    @pytest.mark.parametrize("second", ["Origin: null", "Referer: http://evil.example/", "Sec-Fetch-Site: cross-site"])
    def test_no_field_makes_up_for_another(self, client: RawClient, second: str) -> None:
        ours = ("Origin: http://localhost:PORT", "Referer: http://localhost:PORT/", "Sec-Fetch-Site: same-origin")

        assert ask(client, "Host: localhost:PORT", *ours, second).status == 403

    @pytest.mark.parametrize("field", ["Origin: http://evil.example", "Sec-Fetch-Site: cross-site"])
    def test_nor_does_the_token(self, front: FakeFront, field: str) -> None:
        with http_service(front, token=TOKEN) as server, RawClient(server.port) as client:
            assert ask(client, "Host: localhost:PORT", f"Authorization: Bearer {TOKEN}", field).status == 403

    def test_without_a_host_none_is_ours(self, client: RawClient) -> None:
        client.send(b"GET /healthz HTTP/1.0\r\nOrigin: http://localhost\r\n\r\n")

        assert client.response().status == 403


class TestUsersOfThisMachine:
    @pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
    def test_the_service_hears_its_own(self, server: HttpServer, address: str) -> None:
        with RawClient(server.port, address) as client:
            assert is_let_in(client, "Host: localhost")

    @AS_ROOT
    @pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
    def test_another_is_refused_before_it_has_said_anything(
        self, server: HttpServer, front: FakeFront, address: str
    ) -> None:
        with RawClient(server.port, address, uid=NOBODY) as client:
            response = client.response()
            assert client.at_end()

        assert response.status == 403
        assert response.json()["detail"] == (
            "Only the user who runs this service, and root, may call it; this call comes from uid 65534."
            " Call as that user, or set OPENCLAW_TOKEN for the service and send it as a bearer token."
        )
        assert front.accepted == []

    def test_root_may_call_everybodys_service(self) -> None:
        access = Access((), "", uid=1000)

        assert [access.knows(_caller(uid)) for uid in (0, 1000, 1001)] == [True, True, False]

    def test_the_service_runs_as_its_own_user(self) -> None:
        access = Access((), "")

        assert access.knows(_caller(os.geteuid()))
        assert not access.knows(_caller(os.geteuid() + 1))

    def test_an_empty_token_is_none(self) -> None:
        head = read_head(io.BytesIO(b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \r\n\r\n"))

        with pytest.raises(Problem) as refusal:
            Access((), "").check(head, _caller(os.geteuid() + 1))
        assert refusal.value.status == 403

    def test_the_kernel_is_asked_once_for_each_connection(self) -> None:
        answers = iter([1000, 0])
        caller = Caller(Address("127.0.0.1", 1), Address("127.0.0.1", 2), lambda far, near: next(answers))

        assert [caller.identity for _ in range(3)] == [1000, 1000, 1000]

    def test_one_whom_the_kernel_does_not_know_is_refused(
        self, server: HttpServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(peer, "_NETLINK_SOCK_DIAG", 31)  # of which no kernel knows
        with RawClient(server.port) as client:
            response = client.response()

        assert response.status == 403
        assert "an unknown process (SOCK_DIAG does not answer: " in response.json()["detail"]

    def test_the_token_serves_where_the_kernel_cannot_tell(
        self, front: FakeFront, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(peer, "_NETLINK_SOCK_DIAG", 31)
        with http_service(front, token=TOKEN) as server, RawClient(server.port) as client:
            assert is_let_in(client, "Host: localhost", f"Authorization: Bearer {TOKEN}")


@AS_ROOT
class TestTheToken:
    @pytest.fixture
    def server(self, front: FakeFront) -> Iterator[HttpServer]:
        with http_service(front, token=TOKEN) as running:
            yield running

    @pytest.fixture
    def stranger(self, server: HttpServer) -> Iterator[RawClient]:
        with RawClient(server.port, uid=NOBODY) as connected:
            yield connected

    @pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER   "])
    def test_whoever_bears_it_is_let_in(self, stranger: RawClient, scheme: str) -> None:
        assert is_let_in(stranger, "Host: localhost", f"Authorization: {scheme}{TOKEN}")

    @pytest.mark.parametrize(
        "field",
        [
            *("X: y", "Authorization: ", "Authorization: Bearer", "Authorization: Bearer ", f"Authorization: {TOKEN}"),
            *(f"Authorization: Basic {TOKEN}", f"Authorization: Bearer\t{TOKEN}", f"Token: {TOKEN}"),
            *(f"Authorization: Bearer {TOKEN[:-1]}", f"Authorization: Bearer {TOKEN}x", "Authorization: Bearer x"),
            *(f"Authorization: Bearer {TOKEN.upper()}", f"Authorization: Bearer {TOKEN}, {TOKEN}"),
            *("Authorization: Bearer ä", "Authorization: Bearer " + "x" * 30_000),
        ],
    )
    def test_whoever_does_not_is_asked_for_it_before_the_body_is_read(
        self, stranger: RawClient, front: FakeFront, field: str
    ) -> None:
        response = ask(stranger, "Host: localhost", field)

        assert (response.status, "OPENCLAW_TOKEN" in response.json()["detail"]) == (401, True)
        assert response.headers["www-authenticate"] == 'Bearer realm="openclaw"'
        assert stranger.at_end()
        assert front.accepted == []

    def test_each_request_shows_it(self, stranger: RawClient) -> None:
        bearing = stranger.request("GET", "/healthz", Authorization=f"Bearer {TOKEN}")

        assert (bearing.status, stranger.request("GET", "/healthz").status) == (200, 401)

    def test_our_own_user_needs_none(self, client: RawClient) -> None:
        assert is_let_in(client, "Host: localhost")

    def test_it_may_have_any_letters(self, front: FakeFront) -> None:
        with http_service(front, token="schlüssel😀") as server, RawClient(server.port, uid=NOBODY) as client:
            assert is_let_in(client, "Host: localhost", "Authorization: Bearer schlüssel😀")


class TestOtherMachines:
    @pytest.mark.parametrize(
        ("far", "near"),
        [
            ("192.0.2.7", "192.0.2.1"),
            ("192.0.2.1", "192.0.2.1"),
            ("127.0.0.1", "192.0.2.1"),
            ("192.0.2.1", "127.0.0.1"),
            ("fe80::1%eth0", "fe80::2%eth0"),
        ],
    )
    def test_nobody_there_is_known(self, far: str, near: str) -> None:
        caller = Caller(Address(far, 1), Address(near, 2), lambda far, near: os.geteuid())

        assert caller.identity == f"the address {far}"
        with pytest.raises(Problem, match=f"this call comes from the address {far}") as refusal:
            Access((), "").check_connection(caller)
        assert refusal.value.status == 403
        Access((), TOKEN).check_connection(caller)

    def test_who_calls_by_an_address_of_the_network_shows_the_token(self, front: FakeFront) -> None:
        address = _address_on_the_network()
        with http_service(front, host="0.0.0.0", token=TOKEN) as server:
            with RawClient(server.port, address) as client:
                assert is_let_in(client, f"Host: {address}:PORT", f"Authorization: Bearer {TOKEN}")
            with RawClient(server.port, address) as client:
                assert ask(client, f"Host: {address}:PORT").status == 401


def _caller(uid: int) -> Caller:
    return Caller(Address("127.0.0.1", 1), Address("127.0.0.1", 2), lambda far, near: uid)


def _address_on_the_network() -> str:
    """An address of this machine that is not loopback; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine is on no network")
        return str(sock.getsockname()[0])
