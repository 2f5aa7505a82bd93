"""A headless Chromium, driven by the DevTools protocol over a pipe: messages of JSON, each ended by a NUL byte.

The protocol is https://chromedevtools.github.io/devtools-protocol/; with --remote-debugging-pipe the browser reads them
from its descriptor 3 and writes to 4. A thread reads, so that a test may wait for an answer or an event, always with a
bound.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import itertools
import json
import os
import queue
import shutil
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
BOUND = 20.0
"""Seconds for anything that is waited for."""

_WHEN = """
(expression) => new Promise((resolve) => {
  const look = () => {
    const found = expression();
    if (found) { observer.disconnect(); resolve(found); }
    return found;
  };
  const observer = new MutationObserver(look);
  if (!look()) observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
})
"""


def program() -> str | None:
    """The browser that is installed, if one is."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


def _pipe() -> tuple[int, int]:
    """A pipe whose numbers are none of those that the browser looks at."""
    low = os.pipe()
    ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in low]
    for end in low:
        os.close(end)
    return ends[0], ends[1]


class Chromium:
    """One browser, which keeps in `folder` what it has to keep; `tab` opens a page in it.

    Only root may have it run as another `uid`.
    """

    def __init__(self, executable: str, folder: Path, *, uid: int | None = None) -> None:
        to_read, self._write = _pipe()
        self._read, to_write = _pipe()
        self._log = (folder / "chromium.log").open("wb")
        command = [
            executable, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-extensions", "--disable-background-networking", "--disable-component-update", "--mute-audio",
            f"--user-data-dir={folder / 'profile'}", "--remote-debugging-pipe", "about:blank",
        ]  # fmt: skip
        # The shell puts the pipes' ends where the browser looks for them.
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", f'exec "$@" 3<&{to_read} 4>&{to_write}', "bash", *command],
            pass_fds=(to_read, to_write), stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
            start_new_session=True, env={**os.environ, "HOME": str(folder)}, user=uid, cwd=folder,
        )  # fmt: skip
        os.close(to_read)
        os.close(to_write)
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._answers: dict[int, queue.SimpleQueue[dict[str, Any]]] = {}  # guarded by _lock
        self._events: dict[str, queue.SimpleQueue[dict[str, Any]]] = {}  # guarded by _lock; by session
        self._thread = threading.Thread(target=self._hear, name="devtools", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.call("Browser.close")
            self._process.wait(BOUND)
        finally:
            if self._process.poll() is None:
                os.killpg(self._process.pid, 9)
                self._process.wait(BOUND)
            os.close(self._write)
            self._thread.join(BOUND)
            os.close(self._read)
            self._log.close()

    def call(self, method: str, parameters: dict[str, Any] | None = None, session: str = "") -> dict[str, Any]:
        """The result of a call. Raises AssertionError for an error, and for none within BOUND."""
        number = next(self._ids)
        answer: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        with self._lock:
            self._answers[number] = answer
        message = {"id": number, "method": method, "params": parameters or {}}
        data = json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0"
        while data:
            data = data[os.write(self._write, data) :]
        try:
            found = answer.get(timeout=BOUND)
        except queue.Empty:
            raise AssertionError(f"the browser does not answer {method} {parameters}") from None
        assert "error" not in found, (method, found)
        result: dict[str, Any] = found.get("result", {})
        return result

    def tab(self, url: str, *, width: int = 1200, height: int = 800, dark: bool = False) -> Tab:
        """A new page that shows `url`, in a browser context of its own: nothing is stored there yet."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", {"url": "about:blank", "browserContextId": context})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        with self._lock:
            self._events[session] = events
        return Tab(self, session, target, events, url=url, size=(width, height), dark=dark)

    def _hear(self) -> None:
        rest = b""
        while piece := os.read(self._read, 1 << 16):
            *messages, rest = (rest + piece).split(b"\0")
            for message in map(json.loads, messages):
                with self._lock:
                    found = self._answers.pop(message.get("id", 0), None) or self._events.get(
                        message.get("sessionId", "")
                    )
                if found is not None:
                    found.put(message)


class Tab:
    """One page. `problems` has what its console complained of, and what it threw."""

    def __init__(
        self,
        browser: Chromium,
        session: str,
        target: str,
        events: queue.SimpleQueue[dict[str, Any]],
        *,
        url: str,
        size: tuple[int, int],
        dark: bool,
    ) -> None:
        self._browser = browser
        self._session = session
        self._target = target
        self._events = events
        self._told: list[dict[str, Any]] = []  # events that were read and not asked for yet
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setFocusEmulationEnabled", {"enabled": True})
        self.resize(*size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.go(url)

    def call(self, method: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
        return self._browser.call(method, parameters, self._session)

    def go(self, url: str) -> None:
        """Show another page; returns when it has loaded."""
        self.call("Page.navigate", {"url": url})
        self._until("Page.loadEventFired")

    def resize(self, width: int, height: int) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", size)

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is waited for."""
        given = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        found = self.call("Runtime.evaluate", given)
        assert "exceptionDetails" not in found, (expression, found["exceptionDetails"])
        return found["result"].get("value")

    def until(self, expression: str) -> Any:
        """The value of an expression as soon as it is true: looked at whenever the document changes."""
        try:
            return self.run(f"({_WHEN})(() => {expression})")
        except AssertionError as error:
            raise AssertionError(f"{expression} does not come; the page says:\n{self.text()}\n{error}") from None

    def text(self, selector: str = "body") -> str:
        """What a person reads there."""
        found: str = self.run(f"document.querySelector({json.dumps(selector)}).innerText")
        return found

    def click(self, selector: str) -> None:
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def type(self, text: str) -> None:
        """Write where the focus is."""
        self.call("Input.insertText", {"text": text})

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press and let go of a key, by its name and code ("Enter", "Tab")."""
        number = {"Enter": 13, "Tab": 9, "Escape": 27, "Space": 32}[key]
        text = {"Enter": "\r", "Space": " "}.get(key, "")
        event = {
            "key": text if key == "Space" else key, "code": key, "windowsVirtualKeyCode": number,
            "modifiers": 8 if shift else 0, "text": text,
        }  # fmt: skip
        self.call("Input.dispatchKeyEvent", {"type": "keyDown", **event})
        self.call("Input.dispatchKeyEvent", {"type": "keyUp", **event})

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", {"format": "png"})["data"]))

    def problems(self) -> list[str]:
        """What the console has complained of so far, and what was thrown."""
        self.run("1")  # what was told before this answer has been read by then
        self._collect()
        texts = []
        for event in self._told:
            given = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                texts.append(str(given["exceptionDetails"]))
            elif event["method"] == "Log.entryAdded" and given["entry"]["level"] in ("error", "warning"):
                texts.append(f"{given['entry']['text']} {given['entry'].get('url', '')}")
        return texts

    def close(self) -> None:
        self._browser.call("Target.closeTarget", {"targetId": self._target})

    def _until(self, name: str) -> None:
        while True:
            event = self._events.get(timeout=BOUND)
            self._told.append(event)
            if event["method"] == name:
                return

    def _collect(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._told.append(self._events.get_nowait())
