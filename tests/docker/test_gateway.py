"""Real containers and the model: what they reach, through what, and that the key is nowhere where they are."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from openclaw.containers.cli import Cli
from tests.docker.conftest import main_of, names_of
from tests.support.gateway import KEY
from tests.support.messages_answers import Fail, say
from tests.support.messages_api import MessagesApi
from tests.support.receiver import closed_port
from tests.support.service import CHECKOUT, RunningService

ASK = """
import http.client, json, socket, sys
class Gateway(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect("/channel/gw/s")
method, target = sys.argv[1:]
body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "by hand"}]}
connection = Gateway("gateway", timeout=30)
connection.request(method, target, json.dumps(body), {"anthropic-version": "2023-06-01", "x-api-key": "mine"})
response = connection.getresponse()
print(response.status, response.headers, response.read().decode())
"""

CONNECT = """
import errno, socket, sys
print(errno.errorcode[socket.socket().connect_ex((sys.argv[1], int(sys.argv[2])))])
"""


@pytest.fixture(scope="session")
def asking_image(engine: Cli, image: str) -> Iterator[str]:
    """The agent's image with a runner in it that asks the model for each message."""
    name, scratch = "openclaw-agent:test-asking-" + uuid.uuid4().hex[:8], f"asking-{uuid.uuid4().hex[:8]}"
    entrypoint = json.dumps(["python3", "-P", "-m", "asking_runner"])
    done = [
        engine.run(["create", f"--name={scratch}", image], 60),
        engine.run(["cp", str(CHECKOUT / "tests/support/asking_runner.py"), f"{scratch}:/opt/openclaw/"], 60),
        engine.run(["commit", f"--change=ENTRYPOINT {entrypoint}", scratch, name], 60),
        engine.run(["rm", "--force", scratch], 60),
    ]
    assert [output.code for output in done] == [0] * 4, done
    yield name
    engine.run(["rmi", name], 60)


@pytest.fixture
def api() -> Iterator[MessagesApi]:
    with MessagesApi(key=KEY, otherwise=lambda asked: say(f"to {asked.text}")) as api:
        yield api


@pytest.fixture
def model(settings: dict[str, str], asking_image: str, api: MessagesApi) -> dict[str, str]:
    """The settings of a service whose containers ask the model."""
    address = {"ANTHROPIC_BASE_URL": api.url, "ANTHROPIC_API_KEY": KEY}
    return {**settings, **address, "CONTAINER_IMAGE": asking_image, "LOG_LEVEL": "DEBUG"}


def inside(engine: Cli, settings: dict[str, str], *command: str) -> str:
    """What a command in Main's container writes, as the container's user."""
    output = engine.run(["exec", main_of(settings), *command], 60)
    return f"{output.stdout}\n{output.stderr}"


def ask(engine: Cli, settings: dict[str, str], method: str = "POST", target: str = "/v1/messages") -> str:
    """What a client in Main's container is answered: status, header and body."""
    return inside(engine, settings, "python3", "-c", ASK, method, target)


def test_without_a_network_a_container_reaches_the_model_and_nothing_else(
    tmp_path: Path, engine: Cli, model: dict[str, str], api: MessagesApi
) -> None:
    with RunningService(tmp_path / "home", **model) as service:
        reply = service.post({"text": "hello"}).json()
        assert (reply["text"], reply["route"]) == ("to hello", "persistent")
        assert reply["usage"]["output_tokens"] == 2
        assert ask(engine, model).startswith("200 ")
        assert "by hand" in ask(engine, model)
        for method, target in (("GET", "/v1/messages"), ("POST", "/v1/models"), ("POST", "/v1/messages?beta=1")):
            assert ask(engine, model, method, target).startswith("40")
        inspected = engine.run(["inspect", "--format={{.HostConfig.NetworkMode}}", main_of(model)])
        assert inspected.stdout == "none"
        for host, port, why in (("127.0.0.1", api.port, "ECONNREFUSED"), ("192.0.2.1", 443, "ENETUNREACH")):
            assert inside(engine, model, "python3", "-c", CONNECT, host, str(port)).strip() == why
    targets = {api.next().target for _ in range(3)}
    assert targets == {"/v1/messages"}
    assert api.asked.empty()


def test_the_socket_is_nobodys_to_change(tmp_path: Path, engine: Cli, model: dict[str, str]) -> None:
    with RunningService(tmp_path / "home", **model) as service:
        service.post({"text": "hello"})
        for command in ("rm /channel/gw/s", "touch /channel/gw/x", "mv /channel/gw/s /channel/out/s"):
            assert "Read-only file system" in inside(engine, model, "sh", "-c", command)
        assert service.post({"text": "again"}).json()["text"] == "to again"


def test_every_group_has_a_socket_of_its_own_and_is_counted_by_it(
    tmp_path: Path, model: dict[str, str]
) -> None:
    with RunningService(tmp_path / "home", **model) as service:
        (tmp_path / "home/groups/friends").mkdir()
        (tmp_path / "home/groups/friends/group.json").write_text("{}")
        reply = service.post({"text": "hello", "group": "friends"}).json()
        assert (reply["text"], reply["route"]) == ("to hello", "dedicated")
        metrics = service.get("/metrics").text
    assert 'openclaw_model_calls_total{group="friends",status="200"} 1' in metrics
    assert 'openclaw_model_calls_total{group="main"' not in metrics


def test_a_container_that_is_taken_over_finds_the_socket_of_the_next_service(
    tmp_path: Path, engine: Cli, model: dict[str, str], api: MessagesApi
) -> None:
    home = tmp_path / "home"
    with ExitStack() as stack:
        first = stack.enter_context(RunningService(home, **model))
        first.post({"text": "warm up"})
        before = engine.run(["inspect", "--format={{.Id}}", main_of(model)]).stdout
        api.next()
        api.latency_s = 600  # for as long as the first service lives
        first.post({"text": "hello", "id": "a"}, "")
        assert api.next().text == "hello"
        first.kill()
        api.next_left()
        api.latency_s = 0
        second = stack.enter_context(RunningService(home, **model))
        reply = second.get("/messages/a?wait=50").json()
        assert (reply["status"], reply["attempt"], reply["text"]) == ("done", 1, "to hello")
        assert engine.run(["inspect", "--format={{.Id}}", main_of(model)]).stdout == before


class TestTheCanary:
    """A key that is planted, used, refused and repeated by the API, and then looked for."""

    def test_it_is_nowhere_where_a_container_could_see_it(
        self, tmp_path: Path, engine: Cli, model: dict[str, str], api: MessagesApi
    ) -> None:
        began = int(time.time()) - 1
        seen: dict[str, str] = {}
        with RunningService(tmp_path / "home", **model) as service:
            assert service.post({"text": "hello"}).json()["text"] == "to hello"
            api.answers.extend([Fail(401, f"{KEY} is no key"), Fail(401, f"Bearer {KEY} is no key")])
            refused = service.post({"text": "refused"}).json()
            assert refused["error"] == "[redacted] is no key"
            seen["refusal"] = ask(engine, model)
            assert "401" in seen["refusal"]
            seen |= self._look_inside(engine, model)
            seen["http"] = "".join(service.get(path).text for path in ("/status", "/metrics", "/groups"))
        seen["events"] = self._events(engine, began, model)
        self._is_not_in(seen, tmp_path)
        assert {api.next().headers["x-api-key"] for _ in range(3)} == {KEY}  # it was used all the time

    def test_nor_is_it_where_the_api_cannot_be_reached(
        self, tmp_path: Path, engine: Cli, model: dict[str, str]
    ) -> None:
        away = {**model, "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{closed_port()}"}
        with RunningService(tmp_path / "home", **away) as service:
            reply = service.post({"text": "hello"}).json()
            assert "does not answer: Connection refused" in reply["error"]
            seen = {"refusal": ask(engine, away), **self._look_inside(engine, away)}
            assert seen["refusal"].startswith("502 ")
        self._is_not_in(seen, tmp_path)

    def _look_inside(self, engine: Cli, settings: dict[str, str]) -> dict[str, str]:
        """All that Main's container shows, to itself and to the engine."""
        places = "/workspace /channel /tmp /opt/openclaw /etc /run /home /var /root"
        search = f"echo found:; grep -rls 'cana[r]y' {places} 2>/dev/null; true"  # so written, it does not find itself
        show = "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline | tr '\\0' ' '"
        (name,) = names_of(engine, settings)
        return {
            "environment": inside(engine, settings, "env"),
            "processes": inside(engine, settings, "sh", "-c", show),
            "files": inside(engine, settings, "sh", "-c", search),
            "mounts": inside(engine, settings, "cat", "/proc/self/mountinfo"),
            "inspect": engine.run(["inspect", name]).stdout,
            "top": engine.run(["top", name, "-eo", "pid,args"]).stdout,
            "output": str(engine.run(["logs", name])),
            "changes": str(engine.run(["diff", name])),
        }

    def _events(self, engine: Cli, began: int, settings: dict[str, str]) -> str:
        prefix = settings["CONTAINER_PREFIX"]
        span = (f"--since={began}", f"--until={int(time.time()) + 1}")
        output = engine.run(["events", *span, "--format={{json .}}"], 60)
        mine = [line for line in output.stdout.splitlines() if prefix in line]
        assert mine
        return "\n".join(mine)

    def _is_not_in(self, seen: dict[str, str], directory: Path) -> None:
        assert seen["files"].split() == ["found:"]
        for where, text in seen.items():
            assert text.strip(), where
            assert "canary" not in text, where
        for file in directory.rglob("*"):
            if file.is_file():
                assert b"canary" not in file.read_bytes(), file
