"""ChannelWatch: a FileWatch on what the containers of a service write, those included that come later.

Used by one thread.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from openclaw.bench.client import Client
from openclaw.bench.figure import NotMeasured
from openclaw.bench.file_watch import FileWatch, Seen
from openclaw.bench.service_process import ServiceProcess
from openclaw.clock import Clock

ASKS = 1000
"""Times that `/status` is asked for what the files say already: the service's own thread is a moment behind them."""


class ChannelWatch(FileWatch):
    """Tells of every frame that a container writes from now on, and of every channel that comes or goes."""

    def __init__(self, clock: Clock, service: ServiceProcess) -> None:
        super().__init__(clock, service.channels)
        self._service = service
        self._heard: set[Path] = set()  # channels whose runner has written something
        self._used: set[Path] = set()  # and those whose runner has begun on a turn
        for channel in service.open_channels():
            self._follow(channel)

    def next(self) -> list[Seen]:
        seen = super().next()
        for one in list(seen):
            if one.directory == self._service.channels and one.came:
                names = self._follow(one.directory / one.name)
                seen += [Seen(one.directory / one.name / "out", name, True, one.at) for name in names]
        frames = [one for one in seen if one.directory.name == "out" and one.came]
        used = (one.directory.parent for one in frames if one.name.endswith(".started.json"))
        self._heard.update(one.directory.parent for one in frames)  # audit: ok 6.2 it ends with the figure
        self._used.update(used)  # audit: ok 6.2 it ends with the figure
        return seen

    def until_at_rest(self, client: Client, standby: int) -> None:
        """Return when no single-use container serves anybody or is being removed, and `standby` are warm.

        The files say when to ask, `/status` has the last word. Main's container must have been of use since its channel
        was watched.
        """
        self.until(lambda: self._seems_at_rest(standby))
        for _ in range(ASKS):
            dedicated = client.get("/status")["dedicated"]
            if (dedicated["running"], dedicated["waiting"], dedicated["standby"]) == (0, 0, standby):
                return
        raise NotMeasured(f"/status does not come to {standby} containers that stand by: {dedicated}")

    def _seems_at_rest(self, standby: int) -> bool:
        """Whether there are Main's channel and those that stand by, unused, and each has a runner that was heard."""
        channels = set(self._service.open_channels())
        return len(channels) == 1 + standby == 1 + len(channels - self._used) and self._heard >= channels

    def _follow(self, channel: Path) -> list[str]:
        """Watch a channel, unless it is gone again; the frames that were there before it was watched."""
        with suppress(FileNotFoundError):
            self.add(channel / "out")
            return [path.name for path in (channel / "out").iterdir() if not path.name.startswith(".")]
        return []
