"""Cancel: an event that also wakes whoever waits for something else."""

from __future__ import annotations

import threading

from agent_runner.cancel import Cancel

TIMEOUT = 10.0


def test_whoever_waits_on_it_is_woken() -> None:
    cancel = Cancel()
    threading.Thread(target=cancel.set).start()

    assert cancel.wait(TIMEOUT)


def test_whoever_waits_elsewhere_is_called_once() -> None:
    cancel = Cancel()
    called: list[str] = []

    with cancel.calling(lambda: called.append("a")), cancel.calling(lambda: called.append("b")):
        assert not called
        cancel.set()
        cancel.set()

    assert called == ["a", "b"]


def test_it_calls_at_once_where_it_was_set_before() -> None:
    cancel = Cancel()
    cancel.set()
    called: list[str] = []

    with cancel.calling(lambda: called.append("a")):
        assert called == ["a"]


def test_whoever_is_done_is_not_called_any_more() -> None:
    cancel = Cancel()
    called: list[str] = []
    with cancel.calling(lambda: called.append("a")):
        pass

    cancel.set()

    assert not called
