"""The benchmark: what openclaw costs on this machine, measured as a user sees it, beside the floor of the same run.

Every figure drives a real `openclaw serve` on a home of its own, over real connections and with real files, with the
offline engine, so that no model's time is in it. A new figure is one module in `figures`, listed in its FIGURES.
"""
