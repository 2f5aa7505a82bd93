"""The doctor on the model: who answers, and whether its address takes a connection."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from openclaw.cli.doctor import model
from openclaw.cli.doctor.finding import Finding
from openclaw.config import load
from tests.support.talking import free_port


def found(home: Path, **settings: str) -> Finding:
    (one,) = model.check(load({"OPENCLAW_HOME": str(home), "PATH": os.environ["PATH"], **settings}))
    return one


def test_a_model_where_nothing_listens_fails_with_what_to_do(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    one = found(tmp_path, ANTHROPIC_BASE_URL=url)
    assert (one.state, one.detail) == ("fail", f"{url} does not answer: Connection refused")
    assert "start the model there, or correct ANTHROPIC_BASE_URL" in one.advice


def test_one_that_takes_a_connection_is_fine_and_is_asked_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/prefix"
        one = found(tmp_path, ANTHROPIC_BASE_URL=url, ANTHROPIC_API_KEY="sk-canary")
        connection, _ = listener.accept()
        with connection:
            assert connection.recv(1) == b"", "it hangs up without a word"
    assert one == Finding.ok(
        "model", f"{url} takes connections, with a key; the key and the model's name were not tried"
    )


def test_a_host_that_nobody_knows_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def unknown(host: object, port: object, **_: object) -> None:
        asked.append((host, port))
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    one = found(tmp_path, ANTHROPIC_API_KEY="sk-canary")
    assert asked == [("api.anthropic.com", 443)]
    assert one.state == "fail"
    assert "host's name is not known here (Name or service not known)" in one.detail
    assert "name service" in one.advice


def test_one_that_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[float | None] = []

    class Silent(socket.socket):
        def connect(self, _address: object) -> None:
            limits.append(self.gettimeout())
            raise TimeoutError

    monkeypatch.setattr(socket, "socket", Silent)
    one = found(tmp_path, ANTHROPIC_BASE_URL="http://127.0.0.1:9")
    assert limits == [2.0]
    assert one.detail.endswith("does not answer: no connection within 2 s")


@pytest.mark.parametrize("engine", ["auto", "offline"])
def test_where_no_model_is_asked_for_none_is_looked_for_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", None)
    dead = {"ANTHROPIC_BASE_URL": f"http://127.0.0.1:{free_port()}"} if engine == "offline" else {}
    one = found(tmp_path, AGENT_ENGINE=engine, **dead)
    assert one.state == "warn"
    assert one.detail.endswith("; no model was looked for")
