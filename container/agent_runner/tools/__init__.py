"""Tools: what an agent with a model can do, under Claude Code's names and parameters.

    tool       what a tool is, and how it refuses
"""

from __future__ import annotations

from agent_runner.tools.tool import Tool, ToolFailed, ToolUse

__all__ = ["Tool", "ToolFailed", "ToolUse"]
