"""The part of the HTTP API that is about groups.

    GET    /groups          200 {"groups": [entry, …]}; an entry has name, folder and the settings, or else "damaged"
    GET    /groups/NAME     200 the entry; 404
    PUT    /groups/NAME     the body is what group.json says, {} for the defaults; 201 the entry of a new group, 200 of
                            one that was there; 400; 403 global
    DELETE /groups/NAME     200 {"name", "status": "removed"}, its folder stays; 403 main and global; 404

Holds no state of its own; handlers run on many connection threads at once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from openclaw.agents.group_config import GroupConfig
from openclaw.errors import GroupRefused, InvalidGroup, InvalidMessage, MessageRefused
from openclaw.intake.exchange import Handler, Request, Response, json_response
from openclaw.intake.problems import Problem
from openclaw.message import is_name, load_object
from openclaw.message.names import RULE


class GroupFront(Protocol):
    """The groups as the API sees them. Every method may be called from many threads at once."""

    def groups(self) -> list[dict[str, Any]]:
        """The entry of every group, Main first."""
        ...

    def group_show(self, name: str, /) -> dict[str, Any]:
        """{"name", "folder"} and the settings, or in their place "damaged", which says why. Raises UnknownGroup."""
        ...

    def group_put(self, name: str, config: GroupConfig, /) -> bool:
        """Make a group, or replace its settings; blocks until it is durable. Whether it is a new one.

        Raises GroupRefused or NotDurable.
        """
        ...

    def group_remove(self, name: str, /) -> None:
        """Nobody may speak to the group any more. Raises GroupRefused, UnknownGroup or NotDurable."""
        ...


class GroupApi:
    """Handlers for /groups and what is below."""

    def __init__(self, front: GroupFront) -> None:
        self._front = front

    def list(self, _request: Request) -> Response:
        """GET /groups"""
        return json_response(200, {"groups": self._front.groups()})

    def handlers(self, name: str) -> dict[str, Handler]:
        """By method, what handles /groups/NAME. Raises Problem where no group can have that name."""
        if not is_name(name):
            raise Problem(404, f"A group's name is {RULE}.")
        handlers = {"GET": self._show, "PUT": self._put, "DELETE": self._remove}
        return {method: partial(_answered, handler, name) for method, handler in handlers.items()}

    def _show(self, name: str, _request: Request) -> Response:
        return json_response(200, self._front.group_show(name))

    def _put(self, name: str, request: Request) -> Response:
        new = self._front.group_put(name, _settings(request.body))
        return json_response(201 if new else 200, self._front.group_show(name))

    def _remove(self, name: str, _request: Request) -> Response:
        self._front.group_remove(name)
        return json_response(200, {"name": name, "status": "removed"})


def _settings(body: bytes) -> GroupConfig:
    if not body:
        raise InvalidGroup("send the group's settings as a JSON object; {} leaves all of them as by default")
    try:
        return GroupConfig.from_json(load_object(body))
    except InvalidMessage as error:
        raise InvalidGroup(f"the settings are no JSON object: {error}") from None


def _answered(handler: Callable[[str, Request], Response], name: str, request: Request) -> Response:
    """What `handler` gives; a refusal is the problem that it is."""
    try:
        return handler(name, request)
    except (MessageRefused, GroupRefused) as refused:
        raise Problem.of(refused) from None
