"""Prompt: a line that a person types, with readline, and what is shown above it while they do.

Belongs to the main thread, which reads. What comes meanwhile is shown on that thread too: another one calls `wake`,
which sends this one a signal, and its handler runs between two keys. A signal that comes just before readline waits
wakes nobody, so it is sent again until it was heard. Ctrl-C may come at that moment too: a thread, "signals", wakes
readline after each.
"""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, Final

from openclaw.cli.chat.history import History

try:
    import readline

    _HAS_READLINE = True
except ImportError:  # Python was built without it: lines are read as the terminal gives them
    _HAS_READLINE = False

_SIGNAL: Final = signal.SIGUSR1
_AGAIN: Final = 0.2
"""Seconds after which a signal that nobody has heard is sent again."""

_TRIES: Final = 5

_CONTINUED: Final = "… "


class Prompt:
    """`label` stands before the line. `arrived` gives what is to be shown above it, while it is read too."""

    def __init__(self, label: str, words: Sequence[str], history: History, arrived: Callable[[], list[str]]) -> None:
        self._label = label
        self._words = words
        self._history = history
        self._arrived = arrived
        self._thread = threading.main_thread().ident or 0
        self._reading = threading.Event()  # a line is being read
        self._left = threading.Event()  # none is, any more
        self._heard = threading.Event()  # what was put before has been shown, or is about to be
        self._library = _library()
        signal.signal(_SIGNAL, self._on_signal)
        numbers, interpreters_end = os.pipe()
        os.set_blocking(interpreters_end, False)
        signal.set_wakeup_fd(interpreters_end, warn_on_full_buffer=False)
        threading.Thread(target=self._insist, args=(numbers,), name="signals", daemon=True).start()
        if _HAS_READLINE:
            self._set_up_readline()

    def read(self) -> str:
        """The next line; one that ends with a backslash goes on in the next. Raises EOFError and KeyboardInterrupt."""
        lines: list[str] = []
        while True:
            line = self._read_line(_CONTINUED if lines else self._label)
            if not line.endswith("\\"):
                return self._typed("\n".join([*lines, line]))
            lines.append(line[:-1])

    def wake(self) -> None:
        """There is something to show. Any thread but the main one; returns once it was heard, or no line is read."""
        self._heard.clear()
        while self._reading.is_set():
            signal.pthread_kill(self._thread, _SIGNAL)
            if self._heard.wait(_AGAIN):
                return

    def _insist(self, numbers: int) -> None:
        """After each Ctrl-C, of whose number the interpreter tells by this pipe: have the main thread look at it.

        By a signal for which readline has a handler of its own: one of Python's would run over the KeyboardInterrupt.
        """
        while data := os.read(numbers, 64):
            tries = _TRIES if signal.SIGINT in data else 0
            while tries and self._reading.is_set():
                signal.pthread_kill(self._thread, signal.SIGWINCH)
                tries = 0 if self._left.wait(_AGAIN) else tries - 1

    def _read_line(self, label: str) -> str:
        self._current = label
        self._left.clear()
        for text in self._arrived():
            print(text)
        try:
            if not _HAS_READLINE:
                self._reading.set()
            return input(label)
        except SystemError:  # input() was told of Ctrl-C, and ran another signal's handler before it said so
            raise KeyboardInterrupt from None
        finally:
            self._reading.clear()
            self._left.set()

    def _typed(self, entry: str) -> str:
        self._history.add(entry)
        if _HAS_READLINE and entry.strip():
            readline.add_history(entry)
        return entry

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """On the main thread, between two keys."""
        self._heard.set()
        if self._reading.is_set():
            self._show_arrived()

    def _show_arrived(self) -> None:
        texts = self._arrived()
        if not texts:
            return
        if self._library is not None:
            self._library.rl_clear_visible_line()
            self._library.fflush(None)  # what readline writes waits in C's buffer
            print("\n".join(texts), flush=True)
            self._library.rl_on_new_line()
            self._library.rl_redisplay()
        else:
            typed = readline.get_line_buffer() if _HAS_READLINE else ""
            print("\n" + "\n".join(texts) + f"\n{self._current}{typed}", end="", flush=True)

    def _set_up_readline(self) -> None:
        readline.set_auto_history(False)
        readline.clear_history()
        for entry in self._history.entries:
            readline.add_history(entry)
        readline.set_completer_delims(" ")
        readline.set_completer(self._complete)
        readline.parse_and_bind("bind ^I rl_complete" if "libedit" in (readline.__doc__ or "") else "tab: complete")
        readline.set_pre_input_hook(self._begin)

    def _begin(self) -> None:
        """The prompt is drawn and a key is waited for; what has come a moment ago is shown first."""
        self._reading.set()
        self._show_arrived()

    def _complete(self, text: str, number: int) -> str | None:
        found = [f"{word} " for word in self._words if word.startswith(text)] if text.startswith("/") else []
        return found[number] if number < len(found) else None


def _library() -> Any:
    """GNU readline itself, for what Python's module does not offer; None where it is another one."""
    if not _HAS_READLINE:
        return None
    try:
        library = ctypes.CDLL(readline.__file__)
        needed = (library.rl_clear_visible_line, library.rl_on_new_line, library.rl_redisplay, library.fflush)
    except (AttributeError, OSError, TypeError):
        return None
    return library if all(needed) else None
