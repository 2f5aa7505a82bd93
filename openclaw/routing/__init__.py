"""Which agent gets which message, and in which order."""
