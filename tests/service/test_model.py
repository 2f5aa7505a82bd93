"""The whole service with a model behind it: containers that ask it through the gateway, on a scripted engine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import requests

from tests.support.certificate import needs_openssl, self_signed
from tests.support.fake_docker import FakeDocker
from tests.support.gateway import KEY
from tests.support.messages_answers import Fail, say
from tests.support.messages_api import MessagesApi
from tests.support.receiver import closed_port
from tests.support.service import RunningService
from tests.support.web import web_server

COST = {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2}


@pytest.fixture
def api() -> Iterator[MessagesApi]:
    with MessagesApi(key=KEY, otherwise=lambda asked: say(f"to {asked.text}", usage=COST)) as api:
        yield api


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeDocker]:
    """An engine whose containers are processes with a runner that asks the model; they outlive the service."""
    with closing(FakeDocker(tmp_path / "engine")) as fake:
        fake.knob("command", [sys.executable, "-m", "tests.support.asking_runner", "--channel", "{channel}"])
        yield fake


@pytest.fixture
def settings(fake: FakeDocker, api: MessagesApi) -> dict[str, str]:
    engine = {name: fake.environ()[name] for name in ("PATH", "FAKE_DOCKER_STATE")}
    model = {"ANTHROPIC_BASE_URL": api.url, "ANTHROPIC_API_KEY": KEY}
    return {"CONTAINER_RUNTIME": "docker", "LOG_LEVEL": "DEBUG", **model, **engine}


@pytest.fixture
def service(tmp_path: Path, settings: dict[str, str]) -> Iterator[RunningService]:
    with RunningService(tmp_path / "home", **settings) as service:
        yield service


def test_it_says_which_engine_answers(service: RunningService) -> None:
    assert service.ready_line.endswith("(runtime docker, engine messages)\n")
    assert service.get("/status").json()["engine"] == "messages"


def test_a_reply_says_how_many_tokens_it_took(service: RunningService, api: MessagesApi) -> None:
    reply = service.post({"text": "hello", "id": "a"}).json()
    assert (reply["text"], reply["usage"]) == ("to hello", COST)
    assert service.get("/messages/a").json()["usage"] == COST
    headers = api.next().headers
    assert headers["x-api-key"] == KEY
    assert "x-openclaw-turn" not in headers


def test_where_no_model_was_asked_a_reply_says_nothing_of_tokens(tmp_path: Path) -> None:
    with RunningService(tmp_path / "home") as service:
        assert "usage" not in service.post({"text": "hello"}).json()
        assert "(runtime process, engine offline)" in service.ready_line


def test_the_service_tells_how_many_descriptors_it_holds_which_others_may_not_see(tmp_path: Path) -> None:
    with RunningService(tmp_path / "home") as service:
        [line] = [line for line in service.get("/metrics").text.splitlines() if line.startswith("process_open_fds ")]
        assert 3 < int(line.split()[1]) < 200


def test_each_group_is_counted_for_itself_and_has_its_own_model(service: RunningService, api: MessagesApi) -> None:
    assert requests.put(f"{service.url}/groups/friends", json={"model": "small"}, timeout=30).status_code == 201
    service.post({"text": "hello"})
    for text in ("one", "two"):
        assert service.post({"text": text, "group": "friends"}).json()["usage"] == COST
    metrics = service.get("/metrics").text
    assert 'openclaw_tokens_total{group="friends",kind="input"} 20' in metrics
    assert 'openclaw_tokens_total{group="main",kind="output"} 5' in metrics
    assert 'openclaw_model_calls_total{group="friends",status="200"} 2' in metrics
    assert [api.next().body["model"] for _ in range(3)] == ["m", "small", "small"]


def test_what_the_api_refuses_is_said_in_the_reply(service: RunningService, api: MessagesApi) -> None:
    api.answers.append(Fail(401, f"{KEY} is no key"))
    reply = service.post({"text": "hello"}).json()
    assert (reply["status"], reply["error"]) == ("failed", "[redacted] is no key")


def test_so_is_an_api_that_is_away_and_the_next_message_finds_it_back(
    tmp_path: Path, settings: dict[str, str], api: MessagesApi
) -> None:
    port = closed_port()
    with RunningService(tmp_path / "home", **{**settings, "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{port}"}) as service:
        reply = service.post({"text": "hello"}).json()
        assert reply["status"] == "failed"
        assert reply["error"].startswith(f"127.0.0.1:{port} does not answer: Connection refused.")
        with MessagesApi(port=port) as back:
            assert service.post({"text": "again"}).json()["text"] == "You said: again"
            assert back.next().headers["x-api-key"] == KEY


@needs_openssl
def test_an_api_for_which_an_authority_of_ones_own_vouches_is_reached_and_so_is_a_callback(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    cert, tls = self_signed(tmp_path)
    with web_server(tls) as web, RunningService(
        tmp_path / "home", **{**settings, "ANTHROPIC_BASE_URL": web.base, "SSL_CERT_FILE": str(cert)}
    ) as service:
        reply = service.post({"text": "hello", "callback_url": f"{web.base}/replies"}).json()
        assert f"localhost:{web.port} answers 501" in reply["error"]  # it has pages only, and knows no POST
        assert web.posted.get(timeout=60) == "/v1/messages"
        assert web.posted.get(timeout=60) == "/replies"


def test_a_container_that_is_taken_over_finds_the_socket_bound_anew(
    tmp_path: Path, settings: dict[str, str], api: MessagesApi
) -> None:
    home = tmp_path / "home"
    with ExitStack() as stack:
        api.latency_s = 600  # for as long as the first service lives
        first = stack.enter_context(RunningService(home, **settings))
        first.post({"text": "hello", "id": "a"}, "")
        assert api.next().text == "hello"
        first.kill()
        api.next_left()
        api.latency_s = 0
        second = stack.enter_context(RunningService(home, **settings))
        reply = second.get("/messages/a?wait=50").json()
    assert (reply["status"], reply["attempt"], reply["text"]) == ("done", 1, "to hello"), reply
    assert reply["usage"] == COST
    assert api.next().text == "hello"


def test_a_clean_stop_cuts_what_the_drain_did_not_wait_for(
    tmp_path: Path, settings: dict[str, str], api: MessagesApi
) -> None:
    api.latency_s = 600
    with RunningService(tmp_path / "home", **{**settings, "DRAIN_TIMEOUT": "0"}) as service:
        service.post({"text": "hello"}, "")
        api.next()
        assert service.stop() == 0
        api.next_left()


def test_the_key_is_in_no_file_and_in_no_containers_process(
    tmp_path: Path, service: RunningService, fake: FakeDocker, api: MessagesApi
) -> None:
    api.answers.append(Fail(401, f"Bearer {KEY} is no key"))
    for text in ("refused", "answered"):
        service.post({"text": text})
    for container in fake.containers():
        for name in ("environ", "cmdline"):
            assert KEY.encode() not in Path(f"/proc/{container['pid']}/{name}").read_bytes()
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert KEY.encode() not in file.read_bytes(), file


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"AGENT_ENGINE": "claude-code"}, "AGENT_ENGINE=claude-code is not in this version yet"),
        ({"AGENT_ENGINE": "messages"}, "AGENT_ENGINE=messages needs ANTHROPIC_API_KEY"),
        ({"SSL_CERT_FILE": "/no/ca.pem"}, "SSL_CERT_FILE=/no/ca.pem: No such file or directory"),
    ],
)
def test_what_cannot_be_stops_the_start_with_2(
    tmp_path: Path, settings: dict[str, str], says: str
) -> None:
    with RunningService(tmp_path / "home", **settings).spawn() as process:
        assert process.wait(60) == 2
    (line,) = (tmp_path / "stderr").read_text().splitlines()
    assert says in line
