"""`python -m openclaw.audit PATH…`: the audit without the rest of openclaw, as in the agent's image."""

import sys

from openclaw.audit.command import main

sys.exit(main())
