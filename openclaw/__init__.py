"""openclaw: a personal assistant that runs on its user's own machine."""

__version__ = "0.1.0"
