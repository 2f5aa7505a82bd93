"""FrameSet: names of frames, found by their id without a look at the others: a channel may have thousands in flight.

No lock of its own: it belongs to whoever guards it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from openclaw.message import FrameName


class FrameSet:
    """A set of FrameName, grouped by id."""

    def __init__(self, names: Iterable[FrameName] = ()) -> None:
        self._by_id: dict[str, set[FrameName]] = {}
        for name in names:
            self.add(name)

    def __contains__(self, name: FrameName) -> bool:
        return name in self._by_id.get(name.id, ())

    def __iter__(self) -> Iterator[FrameName]:
        return (name for names in self._by_id.values() for name in names)

    def add(self, name: FrameName) -> None:
        self._by_id.setdefault(name.id, set()).add(name)

    def discard(self, name: FrameName) -> None:
        names = self._by_id.get(name.id)
        if names is not None:
            names.discard(name)
            if not names:
                del self._by_id[name.id]

    def take(self, frame_id: str, *, keep: str) -> list[FrameName]:
        """Take out all names of an id but those of the kind `keep`."""
        taken = [name for name in self._by_id.get(frame_id, ()) if name.kind != keep]
        for name in taken:
            self.discard(name)
        return taken

    def clear(self) -> None:
        self._by_id.clear()
