"""Rounds are played side by side: they mostly wait, for processes and for the disk. Figures are printed at the end."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.faults.disk", "tests.faults.round", "tests.faults.living")

from tests.faults.amount import Figure  # noqa: E402 - after the line above
from tests.faults.cuts import Cut  # noqa: E402
from tests.faults.living import LivingRound  # noqa: E402
from tests.faults.round import Round  # noqa: E402

_FIGURES = pytest.StashKey[list[str]]()


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Figure:
    """For a test that counts: what it notes is printed beside its name when the run is over."""
    kept = request.config.stash.setdefault(_FIGURES, [])
    return lambda text: kept.append(f"{request.node.name}: {text}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(_FIGURES, []):
        terminalreporter.write_line(line)


def _play(directory: Path, cut: Cut) -> str:
    """Play one round; the call at which the service died. What a round that failed has left is kept."""
    doomed = (LivingRound if cut.living else Round)(directory, cut).play()
    number = cut.restart[0] if cut.restart is not None else cut.number
    place = doomed.calls()[number - 1] if doomed.process.returncode == -signal.SIGKILL else "not reached"
    shutil.rmtree(directory)
    return place


@pytest.fixture(scope="session")
def rounds(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[Cut, Future[str]]]:
    """The rounds that this run's tests ask for, all begun."""
    functions = [item for item in request.session.items if isinstance(item, pytest.Function)]
    wanted = [_cut_of(function) for function in functions if "rounds" in function.fixturenames]
    with ThreadPoolExecutor(2 * (os.cpu_count() or 1), "round") as pool:
        begun = {cut: pool.submit(_play, tmp_path_factory.mktemp("round"), cut) for cut in wanted}
        yield begun
        pool.shutdown(cancel_futures=True)
    played = [one for one in begun.values() if not one.cancelled()]
    whole = [one.result() for one in played if one.exception() is None]
    killed = sum(place != "not reached" for place in whole)
    request.config.stash.setdefault(_FIGURES, []).append(
        f"kill -9: {killed} cut points, 0 lost, 0 answered twice; {len(played) - len(whole)} rounds failed"
    )


def _cut_of(function: pytest.Function) -> Cut:
    cut = function.callspec.params["cut"]
    assert isinstance(cut, Cut)
    return cut
