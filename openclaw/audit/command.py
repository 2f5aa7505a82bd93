"""The audit as a command: `openclaw audit …` on the host, `python -m openclaw.audit …` wherever there is Python.

Runs on the main thread. Exit codes: 0 no critical finding is left, 1 one is, or the calibration failed, 2 wrong use.
A file or folder that cannot be read does not change the code: what was passed over is said on stderr and in the report,
and so is it where nothing at all was read. The report goes to stdout.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping

from openclaw.audit import costs as store
from openclaw.audit import output, report
from openclaw.audit.calibrate import calibrate
from openclaw.audit.costs import Costs
from openclaw.audit.estimate import weigh
from openclaw.audit.finding import Severity
from openclaw.audit.run import Result, audit
from openclaw.audit.words import LANGUAGES, Words

MOST_AGENTS = 100_000


class WrongUse(Exception):
    """Arguments that make no sense, in words."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", metavar="PATH", help="a Python file, or a folder with all below it")
    parser.add_argument("--lang", choices=sorted(LANGUAGES), help="the report's language (the locale's)")
    parser.add_argument("--format", choices=("report", "json", "jsonl"), default="report", help=(
        "(report); in either language json and jsonl call severities CRITICO, IMPORTANTE and MENOR"
    ))
    parser.add_argument("--agents", type=_agents, default=100, metavar="N", help="agents at the same time (100)")
    parser.add_argument("--baseline", metavar="FILE", help="findings of an earlier json or jsonl: say only what is new")
    parser.add_argument("--calibrate", action="store_true", help="measure what operations cost here, for the estimates")


def run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Do what the arguments ask for. Raises WrongUse."""
    words = LANGUAGES[arguments.lang or language(environ)]
    kept = store.default_file(environ)
    if arguments.calibrate:
        measured = calibrate()
        store.save(kept, measured, time.strftime("%Y-%m-%d"))
        sys.stdout.write(calibration(measured, kept))
        if not arguments.paths:
            return 0
    if not arguments.paths:
        raise WrongUse("audit needs a PATH (or --calibrate)")
    for path in arguments.paths:
        if not os.path.exists(path):
            raise WrongUse(f"there is no {path}")
    try:
        costs = store.current(environ)
    except ValueError as error:
        raise WrongUse(str(error)) from None
    known = _known(arguments.baseline) if arguments.baseline else set()
    result = weighed(arguments.paths, costs, arguments.agents)
    marked = zip(result.findings, output.fingerprints(result.findings), strict=True)
    result.findings = [finding for finding, mark in marked if mark not in known]
    sys.stdout.write(rendered(result, words, arguments.format, arguments.agents, costs.calibrated))
    for passed in result.passed:
        print(f"audit: passed over {passed.path}: {passed.reason}", file=sys.stderr)
    if not result.files:
        print("audit: nothing was audited: no file of those given could be read as Python", file=sys.stderr)
    return int(any(finding.severity is Severity.CRITICAL for finding in result.findings))


def weighed(paths: list[str], costs: Costs, agents: int) -> Result:
    """The audit of `paths`, each finding with its estimate and severity."""
    result = audit(paths)
    for finding in result.findings:
        weigh(finding, costs, agents)
    return result


def rendered(result: Result, words: Words, form: str, agents: int, calibrated: bool) -> str:
    if form == "json":
        return output.as_json(result, words, agents, calibrated)
    if form == "jsonl":
        return output.as_jsonl(result, words, agents)
    return report.render(result, words, agents, calibrated)


def language(environ: Mapping[str, str]) -> str:
    """`es` where the locale is Spanish, else `en`."""
    locale = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    return "es" if locale.lower().startswith("es") else "en"


def calibration(measured: Mapping[str, tuple[float, float]], path: str) -> str:
    """What was measured, as a table."""
    lines = [f"{'operation':14}{'alone, ms':>12}{'100 at once, ms':>18}"]
    lines += [f"{key:14}{one:12.3f}{hundred:18.3f}" for key, (one, hundred) in measured.items()]
    return "\n".join([*lines, f"kept in {path}"]) + "\n"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="openclaw.audit", description=__doc__.partition("\n")[0] if __doc__ else "")
    add_arguments(parser)
    try:
        return run(parser.parse_args(argv), os.environ)
    except WrongUse as error:
        print(f"openclaw: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"openclaw: {error}", file=sys.stderr)
        return 1


def _agents(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MOST_AGENTS:
        raise argparse.ArgumentTypeError(f"takes a number from 1 to {MOST_AGENTS}")
    return number


def _known(path: str) -> set[str]:
    try:
        with open(path, encoding="utf-8") as file:
            return output.baseline(file.read())
    except (OSError, ValueError) as error:
        raise WrongUse(f"the baseline {path} cannot be used: {error}") from None
