"""The performance audit: a service's Python code read against 49 points in nine dimensions, without running it.

A file becomes a `Module` (sources, declare, scan), all modules a `Project` (link), the project findings (dimensions),
findings a report. Imports nothing else of openclaw and only the standard library, so that it runs on a bare host and in
the agent's image: `python -m openclaw.audit PATH`. One thread; what it reads is never imported and never changed.
"""
