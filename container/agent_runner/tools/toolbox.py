"""The toolbox: which tools an agent has in a container of this kind.

    where                        tools
    Main's persistent container  Read, Glob, Grep; Write and Edit for its notes
    single-use containers        Read, Glob, Grep, Write, Edit, Bash; WebFetch where the group has a network
    a process on an open machine Read, Glob, Grep in the working directory; WebFetch where the group has a network

An agent with a profile has those of them that the profile allows, and where it keeps a memory what it takes to do that.
Made once for a container.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agent_runner.engines.site import Site
from agent_runner.tools.edit_file import edit_tool
from agent_runner.tools.fetch_page import web_fetch_tool
from agent_runner.tools.find_files import glob_tool
from agent_runner.tools.places import Places
from agent_runner.tools.read_file import read_tool
from agent_runner.tools.run_command import bash_tool
from agent_runner.tools.search_files import grep_tool
from agent_runner.tools.tool import Tool
from agent_runner.tools.write_file import write_tool

if TYPE_CHECKING:
    from openclaw.profiles import Profile


def tools_for(site: Site) -> list[Tool]:
    """The tools, in an order that stays: a model's prompt is cached with them."""
    places = Places(site)
    tools: list[Tool] = [read_tool(places), glob_tool(places), grep_tool(places)]
    if not site.open_machine:
        tools += [write_tool(places), edit_tool(places)]
        if site.single_use:
            tools.append(bash_tool())
    if site.network:
        tools.append(web_fetch_tool())
    return tools


def limited(tools: Sequence[Tool], profile: Profile, site: Site = Site()) -> list[Tool]:  # noqa: B008  # a constant
    """Of `tools` those that an agent with this profile may use, and what it needs to keep its memory."""
    allowed = [tool for tool in tools if profile.may_use(tool.definition["name"])]
    if not profile.memory or site.open_machine:
        return allowed
    there = {*profile.denied, *(tool.definition["name"] for tool in allowed)}
    notes = Places(site, profile.name)
    needed: list[Tool] = [read_tool(notes), write_tool(notes), edit_tool(notes)]
    return [*allowed, *(tool for tool in needed if tool.definition["name"] not in there)]
