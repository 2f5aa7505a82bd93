"""The toolbox: which tools an agent has in a container of this kind.

    where                        tools
    Main's persistent container  Read, Glob, Grep; Write and Edit for its notes
    single-use containers        Read, Glob, Grep, Write, Edit, Bash; WebFetch where the group has a network
    a process on an open machine Read, Glob, Grep in the working directory; WebFetch where the group has a network

Made once for a container.
"""

from __future__ import annotations

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
