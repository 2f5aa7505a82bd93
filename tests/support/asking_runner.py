"""A runner whose engine asks the model once for each message, by its gateway's socket, and answers with what it says.

    python -m tests.support.asking_runner --channel DIR

The runner is the real one, its engine as small as can be; it asks again where the connection broke before anything
came, as a service that was killed and comes back leaves it.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

from agent_runner.__main__ import serve
from agent_runner.engines.engine import Host, Task
from openclaw.errors import OpenClawError

TRIES = 600
PAUSE_S = 0.1


class AskingEngine:
    def __init__(self, gateway: Path) -> None:
        self._directory = gateway.parent

    def answer(self, task: Task, host: Host) -> str:
        for _ in range(TRIES):
            try:
                return self._ask(task, host)
            except (OSError, EOFError):
                if task.cancel.wait(PAUSE_S):
                    break
        raise OpenClawError("the gateway does not answer")

    def _ask(self, task: Task, host: Host) -> str:
        body = {"model": os.environ["OPENCLAW_MODEL"] or "m", "max_tokens": 99, "stream": True}
        data = json.dumps({**body, "messages": [{"role": "user", "content": task.message.text}]}).encode()
        head = (
            "POST /v1/messages HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"
            "anthropic-version: 2023-06-01\r\n"
            f"x-openclaw-turn: {task.message.id}\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        with socket.socket(socket.AF_UNIX) as connection:
            held = os.open(self._directory, os.O_PATH)
            try:
                connection.connect(f"/proc/self/fd/{held}/s")
            finally:
                os.close(held)
            connection.sendall(head.encode() + data)
            with connection.makefile("rb") as stream:
                first = stream.readline()
                if not first:
                    raise EOFError
                status = int(first.split()[1])
                length = 0
                while (line := stream.readline().strip()) != b"":
                    name, _, value = line.decode().lower().partition(": ")
                    length = int(value) if name == "content-length" else length
                if status != 200:
                    raise OpenClawError(json.loads(stream.read(length))["error"]["message"])
                return "".join(_texts(stream, host))


def _texts(stream: Any, host: Host) -> list[str]:
    texts: list[str] = []
    while True:
        size = stream.readline()
        if not size:
            raise EOFError
        if not (length := int(size, 16)):
            return texts
        data = stream.read(length).decode()
        stream.readline()
        for line in data.splitlines():
            event = json.loads(line[6:]) if line.startswith("data: ") else {}
            if text := event.get("delta", {}).get("text", ""):
                texts.append(text)
                host.delta(text)


if __name__ == "__main__":
    channel = Path(sys.argv[2])
    serve(channel, AskingEngine(channel / "gw" / "s"), until_eof=False)
