"""The service: the only room that constructs parts. It starts them in the order of a message's way and stops them in reverse."""

from openclaw.service.service import Service

__all__ = ["Service"]
