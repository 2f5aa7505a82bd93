"""Tools: what an agent with a model can do, under Claude Code's names and parameters.

    tool       what a tool is, and how it refuses
    toolbox    which tools there are in which kind of container
    read_file, find_files, search_files, write_file, edit_file, run_command, fetch_page
               Read, Glob, Grep, Write, Edit, Bash, WebFetch

    checked    a tool whose arguments are checked first     schema    the checking
    places     which files may be read and written          patience  until when one use goes on
    globs      patterns of file names                       walk      the files below a folder that match
    programs   work done by a process that can be killed:   grep_program, fetch_program
"""

from __future__ import annotations

from agent_runner.tools.tool import Tool, ToolFailed, ToolUse

__all__ = ["Tool", "ToolFailed", "ToolUse"]
