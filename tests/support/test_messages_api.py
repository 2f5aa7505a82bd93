"""The stand-in for the Messages API is worth what it has in common with the real one."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.support.messages_answers import Raw, Text, Thinking, ToolUse, say
from tests.support.messages_api import MessagesApi
from tests.support.service import CHECKOUT

VERSION = {"anthropic-version": "2023-06-01"}


def ask(api: MessagesApi, path: str = "/v1/messages", key: str = "", **changes: Any) -> requests.Response:
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], **changes}
    return requests.post(api.url + path, json=body, headers={**VERSION, "x-api-key": key}, timeout=10)


def events(response: requests.Response) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for block in response.text.strip().split("\n\n"):
        name, data = (line.partition(": ")[2] for line in block.split("\n"))
        found.append((name, json.loads(data)))
    return found


def test_a_stream_has_the_events_of_the_real_one_in_their_order() -> None:
    answer = say(Thinking("so it is"), "two words", ToolUse("Read", {"file_path": "/a"}))
    with MessagesApi(answer) as api:
        sent = events(ask(api, stream=True))
    assert [name for name, data in sent] == [data["type"] for _, data in sent]
    names = [name for name, _ in sent]
    assert names[0] == "message_start"
    assert names[-2:] == ["message_delta", "message_stop"]
    assert names.count("content_block_start") == names.count("content_block_stop") == 3
    assert "ping" in names
    deltas = [data["delta"] for name, data in sent if name == "content_block_delta"]
    assert "".join(delta.get("text", "") for delta in deltas) == "two words"
    assert json.loads("".join(delta.get("partial_json", "") for delta in deltas)) == {"file_path": "/a"}
    assert [delta["signature"] for delta in deltas if delta["type"] == "signature_delta"] == ["c2lnbmVk"]
    assert sent[-2][1]["delta"]["stop_reason"] == "tool_use"
    assert sent[-2][1]["usage"]["output_tokens"] == 4 + 2 + 3


def test_without_a_stream_the_message_is_answered_as_a_whole() -> None:
    with MessagesApi(say("hello", usage={"input_tokens": 7})) as api:
        message = ask(api).json()
        assert api.next().text == "hi"
    assert message["content"] == [{"type": "text", "text": "hello"}]
    assert (message["stop_reason"], message["usage"]["input_tokens"]) == ("end_turn", 7)


def test_tokens_are_counted_by_a_path_of_their_own() -> None:
    with MessagesApi() as api:
        assert ask(api, "/v1/messages/count_tokens").json()["input_tokens"] > 0


CALL = {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "Read", "input": {}}]}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "x"}]}
HI = {"role": "user", "content": "hi"}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"model": None}, "model"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"messages": []}, "at least one"),
        ({"messages": [{"role": "assistant", "content": "hi"}]}, "first message"),
        ({"messages": [HI, CALL, HI]}, "without `tool_result`"),
        ({"messages": [HI, RESULT]}, "unexpected `tool_use_id`"),
    ],
)
def test_what_the_real_one_refuses_is_refused(changes: dict[str, Any], why: str) -> None:
    with MessagesApi() as api:
        response = ask(api, **changes)
    assert response.status_code == 400
    assert why in response.json()["error"]["message"]


def test_results_of_tools_are_taken() -> None:
    with MessagesApi() as api:
        assert ask(api, messages=[HI, CALL, RESULT]).status_code == 200
        assert api.next().gives_results


def test_only_who_has_the_key_is_served() -> None:
    with MessagesApi(key="right") as api:
        assert [ask(api, key=key).status_code for key in ("wrong", "right")] == [401, 200]


def test_a_server_can_talk_nonsense() -> None:
    with MessagesApi(Raw(b"SSH-2.0-OpenSSH\r\n")) as api, pytest.raises(requests.ConnectionError):
        ask(api)


def test_texts_are_streamed_word_by_word_and_lose_nothing() -> None:
    text = "  two\n\nwords  and more \n"
    assert "".join(delta["text"] for delta in Text(text).deltas()) == text


@pytest.fixture
def by_hand() -> Iterator[str]:
    """The address that `python -m tests.support.messages_api` prints."""
    command = [sys.executable, "-m", "tests.support.messages_api", "--port", "0", "--text", "as told", "--tool", "Bash"]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
        process.terminate()
        assert process.wait(10) == 0


def test_it_can_be_started_by_hand(by_hand: str) -> None:
    body = {"model": "m", "max_tokens": 9, "messages": [HI]}
    first = requests.post(f"{by_hand}/v1/messages", json=body, headers=VERSION, timeout=10).json()
    assert first["content"][0]["name"] == "Bash"
    results = [{"type": "tool_result", "tool_use_id": first["content"][0]["id"], "content": "x"}]
    body["messages"] = [HI, {"role": "assistant", "content": first["content"]}, {"role": "user", "content": results}]
    second = requests.post(f"{by_hand}/v1/messages", json=body, headers=VERSION, timeout=10).json()
    assert second["content"] == [{"type": "text", "text": "as told"}]


def test_by_hand_a_tool_is_called_where_the_words_are_and_the_first_text_of_a_stream_is_told() -> None:
    command = [sys.executable, "-m", "tests.support.messages_api", "--tool=Bash", "--tool-when=do it", "--first-delta"]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        body = {"model": "m", "max_tokens": 9, "stream": True, "messages": [HI]}
        before = time.monotonic()
        said = requests.post(f"{url}/v1/messages", json=body, headers=VERSION, timeout=10).text
        line = process.stdout.readline()
        body["messages"] = [{"role": "user", "content": "do it now"}]
        called = requests.post(f"{url}/v1/messages", json=body, headers=VERSION, timeout=10).text
        process.terminate()
        assert process.stdout.read() == ""  # the answer with the tool had no text
    assert "tool_use" not in said
    assert "tool_use" in called
    assert line.startswith("first delta at ")
    assert before < float(line.split()[-1]) < time.monotonic()
