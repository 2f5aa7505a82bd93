"""GroupCalls: Main's agent makes a group, with a trigger and nothing more; further settings are for the user to give.

Called from the agents' threads, which never wait for the disk: each group is made on a thread of its own, few at once.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, Final

from openclaw.agents.group_config import GroupConfig
from openclaw.errors import CallRefused, GroupRefused, GroupTaken, MessageRefused
from openclaw.routing.groups import MAIN

if TYPE_CHECKING:
    from openclaw.agents.turn import Turn
    from openclaw.message import Frame
    from openclaw.routing.agent_calls import Answer, HostTool
    from openclaw.routing.groups import Groups

log = logging.getLogger(__name__)

AT_ONCE: Final = 4
"""Groups that are made at the same time."""


class GroupCalls:
    """Answers the calls of agents that are about groups: `tools`, by their names."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups
        self._free = threading.BoundedSemaphore(AT_ONCE)
        self.tools: dict[str, HostTool] = {"register_group": self._register}

    def _register(self, turn: Turn, _call: Frame, arguments: dict[str, Any], answer: Answer) -> None:
        if turn.parent or turn.message.group != MAIN:
            raise CallRefused("only Main's own agent may register groups")
        name, config = _checked(arguments)
        if not self._free.acquire(blocking=False):
            raise CallRefused(f"{AT_ONCE} groups are being made at this moment; try again")
        try:
            threading.Thread(target=self._make, args=(name, config, answer), name="register-group", daemon=True).start()
        except RuntimeError as error:  # "can't start new thread"
            self._free.release()
            raise CallRefused(f"the machine gives no thread for it ({error}); try again") from error

    def _make(self, name: str, config: GroupConfig, answer: Answer) -> None:
        try:
            result = self._made(name, config)
        except Exception as failure:  # the top of the thread: whoever asked is told
            log.exception("the group %s could not be made", name)
            result = {"error": f"the group could not be made: {failure}"}
        finally:
            self._free.release()
        answer(result)

    def _made(self, name: str, config: GroupConfig) -> dict[str, Any]:
        """The result. A group that is there with just these settings may have been made by this very call."""
        try:
            self._groups.add(name, config, replace=False)
            log.info("Main's agent has registered the group %s", name)
        except GroupTaken as taken:
            try:
                if self._groups.config(name) != config:
                    return {"error": f"{taken}; its settings are the user's to change"}
            except MessageRefused as damaged:
                return {"error": str(damaged)}
        except (GroupRefused, MessageRefused) as refused:
            return {"error": str(refused)}
        return {"value": {"group": name, "status": "registered", "folder": f"groups/{name}"}}


def _checked(arguments: dict[str, Any]) -> tuple[str, GroupConfig]:
    """The name, and the settings. Raises CallRefused."""
    name, trigger = arguments.get("name"), arguments.get("trigger", "")
    if not {"name"} <= arguments.keys() <= {"name", "trigger"} or not isinstance(name, str):
        raise CallRefused('register_group takes "name", a string, and, as you like, "trigger"')
    if name == MAIN:
        raise CallRefused(f"{MAIN} is there from the start")
    try:
        return name, GroupConfig.from_json({"trigger": trigger})
    except GroupRefused as refused:
        raise CallRefused(str(refused)) from None
