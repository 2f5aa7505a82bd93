"""The service without fsync: as the real one, but for that."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from openclaw.bench.bench import Bench
from openclaw.bench.service_process import ServiceProcess

SPY = """
import os, runpy, sys
real = os.fsync
def fsync(fd):
    open({marker!r}, "a").close()
    real(fd)
os.fsync = fsync
sys.argv = {argv!r}
runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
"""


def _spied(bench: Bench, marker: Path, module: str, *arguments: str) -> ServiceProcess:
    """A service whose calls of fsync leave a file at `marker`."""
    script = bench.root / "spied.py"
    script.write_text(SPY.format(marker=str(marker), argv=[module, *arguments], module=module))
    environ = bench.environ("home", {"PYTHONPATH": f"{bench.root}"})
    return ServiceProcess(bench.root / "home", environ, ["spied"], None)


@pytest.mark.parametrize(("command", "synced"), [(("openclaw.bench.unsynced",), False), (("openclaw", "serve"), True)])
def test_only_the_real_service_syncs_what_it_accepts(bench: Bench, command: tuple[str, ...], synced: bool) -> None:
    marker = bench.root / "synced"
    with _spied(bench, marker, *command) as service, closing(service.client()) as client:
        assert client.ask("hello")["status"] == "done"
    assert marker.exists() is synced
