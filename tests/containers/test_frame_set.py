"""Names of frames by their id."""

from __future__ import annotations

from openclaw.containers.frame_set import FrameSet
from openclaw.message import FrameName

REQUEST, CALL, PING = FrameName("request", "a"), FrameName("call", "a", 3), FrameName("ping", "a")
OTHER = FrameName("request", "b")


def test_a_name_is_in_it_once_it_was_added_and_until_it_was_taken_away() -> None:
    names = FrameSet([REQUEST, CALL])
    assert REQUEST in names
    assert PING not in names
    names.discard(REQUEST)
    names.discard(REQUEST)
    assert list(names) == [CALL]
    names.discard(CALL)
    assert CALL not in names
    assert list(names) == []


def test_all_of_one_id_are_taken_but_for_one_kind() -> None:
    names = FrameSet([REQUEST, CALL, PING, OTHER])
    assert set(names.take("a", keep="ping")) == {REQUEST, CALL}
    assert set(names) == {PING, OTHER}
    assert names.take("unknown", keep="ping") == []


def test_it_can_be_emptied() -> None:
    names = FrameSet([REQUEST])
    names.clear()
    assert REQUEST not in names
