"""A runner whose engine asks the host for whatever a message says, as an agent does that was talked into it.

    python -m tests.support.calling_runner --channel DIR

The runner is the real one. A message's text, or a subagent's task, is a JSON list of [tool, arguments]; the answer is
the list of what the host has said: {"value": …} or {"error": …}. To "wait" it takes a minute, or until it is cancelled.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from agent_runner.__main__ import serve
from agent_runner.engines.engine import Host, Task
from openclaw.errors import CallRefused


class CallingEngine:
    def answer(self, task: Task, host: Host) -> str:
        if task.message.text == "wait":
            task.cancel.wait(60)
            return "[]"
        said: list[dict[str, Any]] = []
        for tool, arguments in json.loads(task.message.text):
            try:
                said.append({"value": host.call(tool, arguments)})
            except CallRefused as refused:
                said.append({"error": str(refused)})
        return json.dumps(said)


if __name__ == "__main__":
    serve(Path(sys.argv[2]), CallingEngine(), until_eof=False)
