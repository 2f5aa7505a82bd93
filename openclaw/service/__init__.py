"""The service: the only room that constructs parts; it starts them in order and stops them in reverse."""

from openclaw.service.manager import Manager
from openclaw.service.service import Service

__all__ = ["Manager", "Service"]
