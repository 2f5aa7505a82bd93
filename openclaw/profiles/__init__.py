"""Agent profiles: `groups/GROUP/.claude/agents/NAME.md`, as Claude Code reads them.

    frontmatter   keys and values between two lines `---`
    profile       what they mean together, checked
    folder        finding one by its name, and listing them

Only the user writes them. The host looks at one before a subagent is made for it, the runner follows it: the image
carries this package, so that both read it alike. No state; any thread.
"""

from openclaw.profiles.folder import AGENTS, MEMORY, ProfileFolder
from openclaw.profiles.profile import ALL_TOOLS, Profile

__all__ = ["AGENTS", "ALL_TOOLS", "MEMORY", "Profile", "ProfileFolder"]
