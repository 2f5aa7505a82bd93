"""A model that costs nothing: the stand-in for the Messages API, which lies beside openclaw/ in a checkout, as a child.

Owns the child. Used by one thread.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from openclaw.bench.bench import Bench
from openclaw.bench.figure import NotMeasured
from openclaw.config import CHECKOUT

MODULE = "tests.support.messages_api"
READY = "messages api on "
FIRST_DELTA = "first delta at "
TIMEOUT = 60.0
"""Seconds for a line of the child's, for an answer to a direct question, and for its end."""

_ASKED = {"model": "m", "max_tokens": 99, "stream": True, "messages": [{"role": "user", "content": "hello"}]}


class ModelProcess:
    """Runs from entering the context to leaving it, with these `options` of its command line.

    Raises NotMeasured, as its methods do, where it is not there or does not serve.
    """

    def __init__(self, bench: Bench, *options: str, checkout: Path = CHECKOUT) -> None:
        source = checkout.joinpath(*MODULE.split(".")).with_suffix(".py")
        if not source.is_file():
            raise NotMeasured(f"the stand-in for a model is part of the checkout, and {source} is not there")
        self._bench = bench
        self._checkout = checkout
        self._command = [sys.executable, "-m", MODULE, "--port=0", "--first-delta", *options]
        self._stderr = bench.root / "model.stderr"
        self._heard = b""  # of a line that has not ended

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._url

    @property
    def settings(self) -> Mapping[str, str]:
        """Those of a service that asks this model, for which it needs no key."""
        return {"AGENT_ENGINE": "messages", "ANTHROPIC_BASE_URL": self._url}

    def __enter__(self) -> ModelProcess:
        with open(self._stderr, "wb") as stderr:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._checkout,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                process_group=0,  # Ctrl-C is for the benchmark, which then ends this one
            )
        try:
            self._url = self._told(READY)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def first_delta(self) -> float:
        """When the first text of the next answer left that was not asked for yet: monotonic seconds of this machine.

        It is told at the answer's end, and one is to be taken for each.
        """
        return float(self._told(FIRST_DELTA))

    def seconds_directly(self) -> float:
        """From a question to the end of the answer's stream, on a connection of its own that is open already."""
        parts = urlsplit(self._url)
        assert parts.hostname is not None
        with closing(HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT)) as connection:
            connection.connect()
            seconds = self._bench.timed(_ask, connection)
        self.first_delta()
        return seconds

    def _told(self, beginning: str) -> str:
        """What follows `beginning` in the next line."""
        line = self._line()
        if not line.startswith(beginning):
            words = line or self._stderr.read_text(errors="replace").strip()[-500:]
            raise NotMeasured(f"the stand-in for a model does not serve: {words or 'it says nothing'}")
        return line.removeprefix(beginning)

    def _line(self) -> str:
        """The next line; empty where none comes."""
        assert self._process.stdout is not None
        poll = select.poll()
        poll.register(self._process.stdout, select.POLLIN)
        while b"\n" not in self._heard:
            more = os.read(self._process.stdout.fileno(), 4096) if poll.poll(TIMEOUT * 1000) else b""
            if not more:
                return ""
            self._heard += more
        line, _, self._heard = self._heard.partition(b"\n")
        return line.decode(errors="replace")

    def _end(self) -> None:
        assert self._process.stdout is not None
        self._process.terminate()
        try:
            self._process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(TIMEOUT)
        self._process.stdout.close()


def _ask(connection: HTTPConnection) -> None:
    headers = {"Content-Type": "application/json", "anthropic-version": "2023-06-01"}
    connection.request("POST", "/v1/messages", json.dumps(_ASKED), headers)
    with connection.getresponse() as response:
        answer = response.read()
    if response.status != 200:
        raise NotMeasured(f"the stand-in for a model answered {response.status}: {answer[:300]!r}")
