"""What a bare session leaves out of a call."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from openclaw.errors import ConfigError
from openclaw.http.session import BareSession, check_authorities
from tests.support.certificate import needs_openssl, self_signed
from tests.support.receiver import Receiver, closed_port


@pytest.fixture
def session() -> Iterator[BareSession]:
    with BareSession() as session:
        yield session


def test_a_proxy_in_the_environment_is_not_asked(session: BareSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
    with Receiver() as receiver:
        session.post(receiver.url, json={}, timeout=10)
        assert receiver.next().path == "/replies"


def test_a_redirect_is_an_answer_like_any_other_and_its_body_is_not_read(session: BareSession) -> None:
    asked: queue.Queue[bytes] = queue.Queue()

    def redirect(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            asked.put(connection.recv(65536))
            # Whoever reads this body to its end waits for the other side of the test.
            connection.sendall(b"HTTP/1.1 307 There\r\nLocation: /elsewhere\r\nContent-Length: 1000000\r\n\r\n")
            connection.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=redirect, args=(server,))
        thread.start()
        with session.post(f"http://127.0.0.1:{server.getsockname()[1]}/", data=b"", stream=True, timeout=10) as answer:
            assert answer.status_code == 307
    thread.join(10)
    assert asked.get_nowait().startswith(b"POST / ")
    assert asked.empty()


def test_a_cookie_is_not_kept(session: BareSession) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        heads: queue.Queue[bytes] = queue.Queue()

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                for _ in range(2):
                    heads.put(connection.recv(65536))
                    connection.sendall(b"HTTP/1.1 204 OK\r\nSet-Cookie: a=b\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        for _ in range(2):
            session.get(f"http://127.0.0.1:{server.getsockname()[1]}/", timeout=10)
        thread.join(10)
    assert [b"cookie" in head.lower() for head in (heads.get_nowait(), heads.get_nowait())] == [False, False]


@needs_openssl
def test_a_file_of_authorities_is_looked_at_before_it_is_used(tmp_path: Path) -> None:
    cert, _ = self_signed(tmp_path)
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")

    for fine in ("", str(cert)):
        check_authorities(fine)
    for name, says in (("none", "No such file"), ("empty", "no file of certificates"), ("text", "no file of")):
        with pytest.raises(ConfigError, match=f"^SSL_CERT_FILE={tmp_path}/{name}: .*{says}"):
            check_authorities(str(tmp_path / name))
