"""How fast the audit is, and how much memory it takes: `python -m tests.audit.speed [LINES]`.

Not a test: a figure of a busy machine would say nothing of the audit. Copies the corpus until there are LINES lines
(500,000), audits them in a process of its own and prints lines a second of one core (CPU time) and the highest RSS.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.audit.corpus_files import files

_AUDIT = """
import resource, sys, time
from openclaw.audit.run import audit
result = audit([sys.argv[1]])
used = time.process_time()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"{result.lines:,} lines in {used:.1f} s of one core: {result.lines / used:,.0f} lines/s; "
      f"{peak:,.0f} MB at most; {len(result.findings):,} findings")
"""


def main(lines: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        written, turn = 0, 0
        while written < lines:
            for marked in files():
                place = Path(folder, f"copy{turn}", f"{marked.name}.py")
                place.parent.mkdir(exist_ok=True)
                place.write_text(marked.text, encoding="utf-8")
                written += marked.text.count("\n")
            turn += 1
        subprocess.run([sys.executable, "-c", _AUDIT, folder], check=True, timeout=600, preexec_fn=_limit)


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))  # a fault must not take the machine with it


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500_000)
