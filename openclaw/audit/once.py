"""What names say of how often a function is run: at the start, at the end, or for each event."""

from __future__ import annotations

import re

from openclaw.audit import model
from openclaw.audit.model import Function

ONCE = re.compile(
    r"^(main|run|start|stop|close|serve|serve_forever|setup|init|initiali[sz]e|boot|bootstrap|configure|load_all|"
    r"shutdown|install|build|parse_args|cli|__(?!call__)\w+__|<module>|warm|warm_up|prepare|checkpoint|snapshot|compact|rotate|"
    r"recover|restore|replay|migrate|test_\w+|create_app|make_\w+|open\w*|_?load\w*|connect|from_\w+|startup|reload|"
    r"teardown|finish|commit|sync|commit_\w+)$"
)
EVENT = re.compile(
    r"^(task|event|evt|msg|message|request|req|record|rec|line|item|entry|job|payload|row|body|event_id|task_id|"
    r"agent_id|job_id|user|user_id|text|data|code|script|command|query|prompt|question|update|span|turn|doc|document|note|alert|batch|metric|sample|key|agent|name|kind|path|url|recipient|host|value)$"
)
"""Parameters of what is called for each event or record."""
VERBS = frozenset({"run", "start", "stop", "build", "open", "connect", "commit", "sync", "restore", "prepare"})
EACH = re.compile(
    r"^(task|event|msg|message|request|req|record|item|entry|job|session|agent|container|plugin|hook|user|name|cid)"
    r"(_?id|_?name)?$"
)
"""Parameters that make of `start` and the like something that is done for each."""


def is_once(function: Function) -> bool:
    """Whether a function's name says that it is run at the start, at the end, or seldom."""
    return ONCE.match(function.name) is not None and not function.heat & model.ENTRY
